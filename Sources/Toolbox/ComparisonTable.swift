import CommandLine
import Foundation
import LowRank

extension Comparison {
    /// A Markdown table for each context, with a few lines on what was run; aligned, so that it can be read as it is.
    var markdown: String {
        func number(_ count: Int, _ thing: String) -> String { "\(count) \(thing)\(count == 1 ? "" : "s")" }
        let kernels = openblas_core + (openblas_coretype.map { " (OPENBLAS_CORETYPE=\($0))" } ?? "")
        let limit = window_limit.map { "; \(number($0, "window")) at most" } ?? ""
        let lines = [
            "checkpoint \(checkpoint), step \(step), tokenizer \(tokenizer_hash.prefix(12))",
            "text \(text), \(text_hash.prefix(12)); calibrated on \(calibration_text)\(limit)",
            "\(number(ranks, "rank")), \(number(threads, "thread")) each, OpenBLAS's \(kernels) kernels; "
                + "medians of \(number(repeats, "round")), ratios of seconds within a round",
        ]
        return lines.joined(separator: "\n") + "\n\n" + contexts.map(\.markdown).joined(separator: "\n\n")
    }
}

extension Comparison.Table {
    private static let columns = [
        "strategy", "perplexity", "/ full", "± s.e.", "attention GFLOPs", "/ full", "scores, values / full", "seconds", "/ full", "score:value rank", "recall",
    ]

    fileprivate var markdown: String {
        var text = "context \(context), stride \(stride): \(windows) windows, \(predicted_tokens) predicted tokens; "
            + "segments of \(segment) tokens, levels \(levels.joined(separator: ",")) in \(basis.rawValue) bases, energy \(energy)"
        if let reference_flops {
            text += "\nheld against \(reference), "
                + "\(fixed(reference_flops / 1e9, 3)) GFLOPs: nearest, per-layer, histogram"
        }
        if let search {
            text += "\nper-layer is \(search.levels.joined(separator: ",")), found in \(search.measured) runs of "
                + "\(calibration_windows) windows"
        }
        let recalled = rows.contains { $0.recall != nil }, cells = [Self.columns] + rows.map(\.cells)
        return text + "\n\n" + table(recalled ? cells : cells.map { $0.dropLast() }) + (ceilings.map { "\n\n" + $0.markdown } ?? "")
    }
}

/// Rows of Markdown, the first of them the heading; columns are as wide as their widest cell, the first one flush left.
private func table(_ cells: [[String]]) -> String {
    let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
        let padded = zip(cells, widths).enumerated().map { column, cell in
            let space = String(repeating: " ", count: cell.1 - cell.0.count)
            return column == 0 ? cell.0 + space : space + cell.0
        }
        return "| " + padded.joined(separator: " | ") + " |"
    }
    let rule = widths.enumerated().map { column, width in
        column == 0 ? ":" + String(repeating: "-", count: width + 1) : String(repeating: "-", count: width + 1) + ":"
    }
    return ([line(cells[0]), "|" + rule.joined(separator: "|") + "|"] + cells.dropFirst().map(line))
        .joined(separator: "\n")
}

/// A number of so many digits; a dash for none.
private func number(_ x: Double?, _ digits: Int) -> String { x.map { fixed($0, digits) } ?? "–" }

extension Comparison.Ceilings {
    private static let columns = [
        "strategy", "perplexity", "/ full", "scores, values / full", "divergence by layer, nats / 1000",
    ]

    fileprivate var markdown: String {
        let text = "ceilings on \(windows) window\(windows == 1 ? "" : "s"), \(predicted_tokens) predicted tokens: levels "
            + "\(levels.joined(separator: ",")) and full attention, chosen by what each truly loses in each layer alone "
            + "(\(fixed(seconds, 0)) s)"
        return text + "\n\n"
            + table([Self.columns] + rows.map { row in
                [
                    row.names.joined(separator: " = ") + (row.is_ceiling ? " (ceiling)" : ""),
                    number(row.token_perplexity.finite, 4), number(row.perplexity_ratio.finite, 5),
                    number(row.flops.score_value_share, 4), number(row.divergence.map { 1000 * $0 }, 3),
                ]
            })
    }
}

extension Comparison.Row {
    fileprivate var cells: [String] {
        [
            names.joined(separator: " = "), number(token_perplexity.finite, 4), number(perplexity_ratio.finite, 5),
            number(log_ratio_standard_error, 5), number(flops.total / 1e9, 3), number(flops_ratio, 4),
            number(flops.score_value_share, 4),
            number(median_seconds, 3), number(seconds_ratio, 3),
            AttentionRegistry.mode(named: attention) is any SoftmaxApproximation.Type
                ? "–" : "\(number(mean_score_rank, 1)):\(number(mean_value_rank, 1))",
            recall.map { "\(fixed($0.share, 3)) (\($0.recalled)/\($0.questions))" } ?? "–",
        ]
    }
}
