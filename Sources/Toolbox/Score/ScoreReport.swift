import CommandLine
import Foundation

/// What `drrl score` found; as JSON under these names.
package struct ScoreReport: Codable, Equatable, Sendable {
    package var checkpoint: String
    package var step: Int
    package var tokenizer_hash, task: String
    /// SHA-256.
    package var task_hash: String
    package var kind: ScoredTask.Kind
    package var items: Int
    /// Items of whose context some did not fit and was left out.
    package var shortened_items: Int
    /// Tokens read, and of them those of which the next one was predicted; padding is in neither.
    package var tokens, predicted_tokens: Int
    /// Tokens that are read at most.
    package var context: Int
    package var attention: String
    /// How it attended, in words.
    package var attention_summary: String
    package var flops: AttentionFLOPs
    /// Processes, and threads of each.
    package var ranks, threads: Int
    /// Of the slowest rank's passes; loading is not in it.
    package var seconds: Double
    /// The share of items whose likeliest choice, or greedy last word, is the right one.
    package var acc: ScoreMean
    /// Likewise by log-likelihood per character, and per byte, of the choice; nil of texts.
    package var acc_norm, acc_bytes: ScoreMean?
    /// exp(− mean log-likelihood of the last word); nil of choices.
    package var perplexity: ScoreMean?

    /// A few lines for a person.
    var lines: String {
        func counted(_ count: Int, _ thing: String) -> String { "\(grouped(Double(count))) \(thing)\(count == 1 ? "" : "s")" }
        func line(_ name: String, _ mean: ScoreMean, _ digits: Int, _ text: String) -> String {
            let error = mean.standard_error.map { " ± " + fixed($0, digits) } ?? ""
            return (name.padding(toLength: 12, withPad: " ", startingAt: 0) + fixed(mean.value, digits) + error)
                .padding(toLength: 32, withPad: " ", startingAt: 0) + text
        }
        let share = flops.full_attention > 0 ? fixed(100 * flops.total / flops.full_attention, 1) + "%" : "–"
        let rest = shortened_items > 0
            ? "; \(counted(shortened_items, "item")) longer than \(context) tokens, of which the last were read" : ""
        var lines = [
            "checkpoint  \(checkpoint), step \(step), tokenizer \(tokenizer_hash.prefix(12))",
            "task        \(task), \(task_hash.prefix(12)): \(counted(items, "item")), \(kind.rawValue); "
                + "\(counted(tokens, "token")), \(grouped(Double(predicted_tokens))) predicted\(rest)",
            "attention   \(attention_summary); \(share) of full attention's FLOPs, "
                + "\(fixed(100 * flops.score_value_share, 1))% of its scores and values",
        ]
        switch kind {
        case .multipleChoice:
            lines.append(line("acc", acc, 4, "the likeliest choice"))
            if let acc_norm { lines.append(line("acc_norm", acc_norm, 4, "the likeliest by character")) }
            if let acc_bytes { lines.append(line("acc_bytes", acc_bytes, 4, "the likeliest by byte")) }
        case .lastWord:
            lines.append(line("acc", acc, 4, "the last word is what the model would write"))
            if let perplexity { lines.append(line("perplexity", perplexity, 3, "of the last word")) }
        }
        lines.append(
            "time        \(fixed(seconds, 2)) s; \(counted(ranks, "rank")), \(counted(threads, "thread")) each")
        return lines.joined(separator: "\n")
    }
}
