import CommandLine
import Foundation
import LowRank
import Runs
import Worker

/// A report as one HTML page that needs nothing beside it.
struct ReportPage {
    private let runs: [ReportedRun]
    private let sections: [(title: String, figures: [(caption: String, svg: String)])]

    /// - Parameter pictures: of the sections' charts, one after the other.
    init(_ runs: [ReportedRun], _ sections: [ReportSection], pictures: [String]) {
        self.runs = runs
        var next = pictures[...]
        self.sections = sections.map { section in
            (section.title, section.charts.map { ($0.caption, Self.inline(next.popFirst() ?? "")) })
        }
    }

    var html: String {
        let title = runs.map(\.name).joined(separator: ", ")
        let contents = ["Runs"] + sections.map(\.title) + (hasTables ? ["Comparisons"] : []) + ["Configuration"]
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>drrl: \(escaped(title))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <header>
            <h1>\(escaped(title))</h1>
            <nav>\(contents.map { "<a href=\"#\(anchor($0))\">\(escaped($0))</a>" }.joined(separator: " "))</nav>
            </header>
            <main>
            \(([overview, operations] + sections.map(figures) + [comparisons, configuration]).joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }

    private func figures(_ section: (title: String, figures: [(caption: String, svg: String)])) -> String {
        let figures = section.figures.map { "<figure>\($0.svg)<figcaption>\(escaped($0.caption))</figcaption></figure>" }
        return heading(section.title) + "<div class=\"figures\">\n" + figures.joined(separator: "\n") + "\n</div>"
    }

    // MARK: Tables

    private var overview: String {
        heading("Runs") + table(
            [
                "run", "attention", "steps", "loss", "held-out perplexity", "attention FLOPs saved", "tokens a second", "hours",
            ],
            runs.map { run in
                let seconds = run.lines.compactMap { $0[.seconds] }.reduce(0, +)
                return [
                    run.name, run.checkpoint.map { $0.run.attention } ?? "–",
                    "\(run.lines.last?.step ?? 0)", number(run.last(.loss), 4), number(run.last(.validPerplexity), 3),
                    number(run.last(.attentionFLOPsSaved).map { 100 * $0 }, 1, "%"),
                    number(median(run.lines.compactMap { $0[.tokensPerSecond] }), 0), number(seconds / 3600, 2),
                ]
            })
    }

    /// What attention executed in the last step that says so, by kind.
    private var operations: String {
        let rows: [[String]] = runs.compactMap { run in
            guard let line = run.lines.last(where: { $0[.attentionFLOPs] != nil }), let all = line[.attentionFLOPs]
            else { return nil }
            let upkeep = line[.upkeepFLOPs] ?? 0, policy = line[.policyFLOPs] ?? 0, guarding = line[.guardFLOPs] ?? 0
            let full = line[.attentionFLOPsSaved].flatMap { $0 < 1 ? all / (1 - $0) : nil }
            return [run.name, "\(line.step)"]
                + [all - upkeep - policy - guarding, upkeep, policy, guarding, all].map { number($0 / 1e9, 2) }
                + [number(full.map { $0 / 1e9 }, 2), number(line[.lookFLOPs].map { $0 / 1e9 }, 2)]
        }
        return rows.isEmpty ? "" : "<h3>Attention's operations in a step, GFLOP</h3>" + table(
            [
                "run", "step", "projections, scores, values", "bases", "policy", "guard", "together", "full attention",
                "looks of the policy",
            ], rows)
    }

    private var hasTables: Bool { runs.contains { !$0.comparisons.isEmpty } }

    private var comparisons: String {
        guard hasTables else { return "" }
        let tables = runs.flatMap { run in
            run.comparisons.flatMap { file, comparison in
                comparison.contexts.map { context in
                    "<h3>\(escaped(run.name)): \(escaped(file)), context \(context.context), "
                        + "\(context.windows) windows of \(escaped(comparison.text))</h3>" + self.table(
                            [
                                "strategy", "perplexity", "/ full", "± s.e.", "scores, values / full", "seconds / full",
                                "recall",
                            ],
                            context.rows.map { row in
                                [
                                    row.names.joined(separator: " = "), number(row.token_perplexity.finite, 3),
                                    number(row.perplexity_ratio.finite, 4), number(row.log_ratio_standard_error, 4),
                                    number(row.flops.score_value_share, 3), number(row.seconds_ratio, 3),
                                    number(row.recall.map { 100 * $0.share }, 0, "%"),
                                ]
                            })
                }
            }
        }
        return heading("Comparisons") + tables.joined(separator: "\n")
    }

    private var configuration: String {
        heading("Configuration") + runs.map { run in
            var facts: [[String]] = []
            if let checkpoint = run.checkpoint {
                let model = checkpoint.run.model
                facts.append(["checkpoint", "\(checkpoint.path), step \(checkpoint.step)"])
                facts.append([
                    "model",
                    "\(model.familyName), \(grouped(Double(model.parameterCount))) parameters: \(model.layers) layers, "
                        + "width \(model.width), \(model.heads) heads, \(model.keyValueHeads) of keys and values, "
                        + "context \(model.context)",
                ])
                if let corpus = checkpoint.corpus {
                    facts.append([
                        "text", "\(corpus.path), \(grouped(Double(corpus.tokens))) tokens, SHA-256 \(corpus.sourceHash)",
                    ])
                    if let heldOut = corpus.heldOut {
                        facts.append(["held-out text", "\(heldOut.path), SHA-256 \(heldOut.sourceHash)"])
                    }
                    facts.append(["tokenizer", "SHA-256 \(corpus.tokenizerHash)"])
                }
            }
            return "<h3>\(escaped(run.name))</h3>" + table([], facts)
                + (run.options.map { "<pre>\(escaped($0))</pre>" } ?? "<p>It has no \(RunDirectory.configurationName).</p>")
        }.joined(separator: "\n")
    }

    // MARK: Elements

    private func heading(_ text: String) -> String { "<h2 id=\"\(anchor(text))\">\(escaped(text))</h2>\n" }

    private func anchor(_ text: String) -> String {
        String(text.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
    }

    private func table(_ head: [String], _ rows: [[String]]) -> String {
        guard !rows.isEmpty else { return "" }
        // Words stand to the left, numbers to the right.
        let areWords = rows[0].indices.map { column in rows.contains { $0[column].first?.isLetter == true } }
        func line(_ cells: [String], _ tag: String) -> String {
            "<tr>" + zip(cells, areWords).map { cell, isWords in
                "<\(tag)\(isWords ? " class=\"words\"" : "")>\(escaped(cell))</\(tag)>"
            }.joined() + "</tr>"
        }
        return "<div class=\"table\"><table>\n"
            + (head.isEmpty ? "" : "<thead>\(line(head, "th"))</thead>\n")
            + "<tbody>\n" + rows.map { line($0, "td") }.joined(separator: "\n") + "\n</tbody></table></div>"
    }

    private func number(_ x: Double?, _ digits: Int, _ unit: String = "") -> String {
        x.map { $0.isFinite ? fixed($0, digits) + unit : "∞" } ?? "–"
    }

    private func median(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }

    /// A picture of gnuplot's as an element, without what belongs to a file.
    private static func inline(_ svg: String) -> String {
        svg.range(of: "<svg").map { String(svg[$0.lowerBound...]) } ?? svg
    }

    /// gnuplot draws text and lines in black, which are to have the page's colour.
    private static let style = """
        :root { --paper: #fff; --ink: #1b1f24; --soft: #5b6470; --line: #d8dde3; --link: #0b62a8 }
        @media (prefers-color-scheme: dark) {
          :root { --paper: #14171b; --ink: #e6e9ee; --soft: #9aa4b1; --line: #343b45; --link: #6cb6ff }
        }
        @media print { :root { --paper: #fff; --ink: #000; --soft: #333; --line: #bbb; --link: #000 } nav { display: none } }
        * { box-sizing: border-box }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
        header, main { max-width: 1360px; margin: 0 auto; padding: 0 20px }
        h1 { font-size: 1.6rem; margin: 24px 0 4px; overflow-wrap: anywhere }
        h2 { font-size: 1.25rem; margin: 40px 0 12px; padding-bottom: 4px; border-bottom: 1px solid var(--line) }
        h3 { font-size: 1rem; margin: 24px 0 8px }
        nav { display: flex; flex-wrap: wrap; gap: 4px 16px }
        a { color: var(--link) }
        .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 20px 24px }
        figure { margin: 0; break-inside: avoid }
        figure svg { display: block; width: 100%; height: auto }
        figcaption { color: var(--soft); font-size: 0.9rem }
        svg g[color="black"] { color: var(--ink) }
        svg [fill="black"] { fill: var(--ink) }
        .table { overflow-x: auto }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums }
        th, td { padding: 5px 14px 5px 0; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top;
          white-space: nowrap }
        th { font-weight: 600; color: var(--soft); font-size: 0.9rem }
        .words { text-align: left }
        table:not(:has(thead)) td { white-space: normal; overflow-wrap: anywhere; min-width: 6em }
        pre { overflow-x: auto; padding: 12px; border: 1px solid var(--line); border-radius: 6px; font-size: 0.85rem }
        """
}

extension SavedRun {
    /// How it attends, in a few words.
    fileprivate var attention: String { ranks.map { $0.mode.summary(segment: $0.segment) } ?? "full" }
}

/// As HTML shows a text.
func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        .replacing("\"", with: "&quot;")
}
