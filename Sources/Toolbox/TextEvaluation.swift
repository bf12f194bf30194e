import CommandLine
import Foundation
import JSON
import LowRank

/// What `drrl evaluate` found; as JSON under these names.
public struct TextEvaluation: Codable, Equatable, Sendable {
    public var checkpoint: String
    public var step: Int
    public var text: String
    /// SHA-256.
    public var text_hash, tokenizer_hash: String
    public var tokens, predicted_tokens, words, bytes: Int
    public var context, stride, segment: Int
    /// How it attended; `levels` are those that its strategy chooses from, empty where no level is named.
    public var attention: String
    public var levels: [String]
    /// Whose bases the levels are of; nil for a strategy that names none.
    public var basis: BasisSource?
    /// Processes, and threads of each.
    public var ranks, threads: Int
    /// Nats, over all predicted tokens.
    public var nll: Double
    /// exp(NLL / token), exp(NLL / word of the original text); null where it is beyond all numbers.
    public var token_perplexity, word_perplexity: JSONNumber
    public var bits_per_byte: Double
    public var flops: AttentionFLOPs
    /// Of the slowest rank's forward passes, the folding of bases among them; loading is not in it.
    public var seconds: Double
    /// Of these, folding, bases online, policy and guard.
    public var overhead_seconds: Double
    /// Mean over the predicted tokens, by layer; d where no level is named.
    public var score_rank, value_rank: [Double]

    /// A few lines for a person; `summary` says how it attended.
    func lines(_ summary: String) -> String {
        func number(_ x: Double?, _ digits: Int) -> String { x.map { fixed($0, digits) } ?? "beyond all numbers" }
        func giga(_ x: Double) -> String { fixed(x / 1e9, 3) + " G" }
        let share = flops.full_attention > 0 ? fixed(100 * flops.total / flops.full_attention, 1) + "%" : "–"
        var lines = [
            "checkpoint  \(checkpoint), step \(step), tokenizer \(tokenizer_hash.prefix(12))",
            "text        \(text), \(text_hash.prefix(12)): \(tokens) tokens, \(words) words, \(bytes) bytes",
            "windows     context \(context), stride \(stride); \(ranks) rank\(ranks == 1 ? "" : "s"), "
                + "\(threads) thread\(threads == 1 ? "" : "s") each",
            levels.isEmpty
                ? "attention   \(summary)"
                : "attention   \(summary), levels \(levels.joined(separator: ",")), segments of \(segment) tokens, "
                    + "\(basis?.rawValue ?? "no") bases",
            "perplexity  \(number(token_perplexity.finite, 4)) a token, \(number(word_perplexity.finite, 3)) a word; "
                + "\(number(bits_per_byte, 5)) bits a byte",
            "FLOPs       \(giga(flops.total)) in attention, \(share) of full attention's \(giga(flops.full_attention)); "
                + fixed(100 * flops.score_value_share, 1) + "%" + " of its scores and values",
            "            projections \(giga(flops.projections)), scores \(giga(flops.scores)), "
                + "values \(giga(flops.values)), upkeep \(giga(flops.upkeep)), policy and guard "
                + "\(giga(flops.policy + flops.guard)); "
                + "apart from them \(giga(flops.exponentials)) exponentials",
            "time        \(number(seconds, 2)) s",
        ]
        for (layer, (score, value)) in zip(score_rank, value_rank).enumerated() where !levels.isEmpty {
            lines.append("layer \(layer)".padding(toLength: 12, withPad: " ", startingAt: 0)
                + "mean score rank \(number(score, 2)), value rank \(number(value, 2))")
        }
        return lines.joined(separator: "\n")
    }
}

/// An evaluation with what its way of attending says of itself: in the JSON a key for each of its settings.
struct AttendedEvaluation: Encodable {
    let evaluation: TextEvaluation
    /// Such as `energy`, `features`, `landmarks`.
    let settings: [String: Double]
    let summary: String

    init(_ evaluation: TextEvaluation, _ ranks: RankOptions) {
        self.evaluation = evaluation
        settings = ranks.mode.settings
        summary = ranks.mode.summary(segment: ranks.segment)
    }

    var lines: String { evaluation.lines(summary) }

    func encode(to encoder: any Swift.Encoder) throws {
        try evaluation.encode(to: encoder)
        try settings.encode(to: encoder)
    }
}
