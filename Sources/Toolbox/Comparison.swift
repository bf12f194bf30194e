import Corpus
import Foundation
import JSON
import LowRank
import Worker

/// What `drrl compare` found; as JSON under these names.
public struct Comparison: Codable, Equatable, Sendable {
    /// A strategy's row.
    public struct Row: Codable, Equatable, Sendable {
        /// What it is in the table as: strategies that attend alike share a row.
        public var names: [String]
        public var attention: String
        /// For fixed: one level, or one for each layer.
        public var levels: [String]
        /// Nats, over all predicted tokens.
        public var nll: Double
        /// exp(NLL / token), and its ratio to full attention's; nil where beyond all numbers.
        public var token_perplexity, perplexity_ratio: JSONNumber
        /// Standard error of the ratio's logarithm over windows, paired; nil where there is one window.
        public var log_ratio_standard_error: Double?
        public var flops: AttentionFLOPs
        public var flops_ratio: Double
        /// Of each round, their median, and the median ratio to full attention in the same round.
        public var seconds: [Double]
        public var median_seconds, seconds_ratio: Double
        /// Of the first round's seconds: folding, bases online, policy and guard.
        public var overhead_seconds: Double
        /// Mean over the predicted tokens, by layer, and over the layers; d where no level is named.
        public var score_rank, value_rank: [Double]
        public var mean_score_rank, mean_value_rank: Double
        /// Where `--needles` asks.
        public var recall: Recall?
    }

    /// How levels by layer were found: on the calibration windows, within the reference's FLOPs.
    public struct Search: Codable, Equatable, Sendable {
        /// One level everywhere.
        public struct Uniform: Codable, Equatable, Sendable {
            public var level: String
            /// Nats on the calibration windows.
            public var nll: Double
            /// On the measured windows.
            public var flops: Double
        }
        /// By layer.
        public var levels: [String]
        /// As those of `Uniform`.
        public var nll, flops: Double
        /// Choices of levels that ran.
        public var measured: Int
        public var uniform: [Uniform]
    }

    /// The table of one context.
    public struct Table: Codable, Equatable, Sendable {
        public var context, stride, segment: Int
        public var levels: [String]
        /// Whose bases the levels are of.
        public var basis: BasisSource
        /// The share that energy keeps.
        public var energy: Double
        public var windows, predicted_tokens, calibration_windows, calibration_tokens: Int
        /// The strategy that nearest, per-layer and histogram are held against, and its FLOPs, where one of them is there.
        public var reference: String
        public var reference_flops: Double?
        /// Each level's share of its segments, by layer: [N][levels].
        public var reference_histogram: [[Double]]?
        public var search: Search?
        public var rows: [Row]
        /// What no strategy can be expected to reach, where `--budgets` asks for it.
        public var ceilings: Ceilings?
    }

    public var arguments: [String]
    public var checkpoint: String
    public var step: Int
    public var text, calibration_text: String
    /// SHA-256.
    public var text_hash, calibration_hash, tokenizer_hash: String
    public var tokens, repeats: Int
    /// The most windows that were to be run; nil for all.
    public var window_limit: Int?
    /// Processes, and threads of each.
    public var ranks, threads: Int
    public var openblas_core: String
    /// The environment variable that overrules OpenBLAS's own choice of kernels, where it is set.
    public var openblas_coretype: String?
    public var contexts: [Table]
}

extension Comparison.Row {
    /// A row beside full attention's: `runs` and `full` have the seconds of each round.
    init(
        _ row: ComparedOptions, _ run: WindowRun, seconds: [Double], full: WindowRun, fullSeconds: [Double],
        windows: EvaluationWindows, recall: Comparison.Recall?
    ) {
        let tokens = (0..<windows.count).map { windows.predicted(by: $0).count }
        let difference = PairedDifference(run.windowNLL, full.windowNLL, tokens: tokens)
        let fixed = row.options.mode as? FixedLevels
        func mean(_ x: [Double]) -> Double { x.reduce(0, +) / Double(x.count) }
        self.init(
            names: row.names, attention: row.options.name,
            levels: fixed?.levels.map(\.description) ?? [], nll: run.nll,
            token_perplexity: JSONNumber(EvaluationReport.perplexity(run.nll, of: windows.targets)),
            perplexity_ratio: JSONNumber(exp(difference.mean)), log_ratio_standard_error: difference.standardError,
            flops: run.flops, flops_ratio: run.flops.total / full.flops.total, seconds: seconds,
            median_seconds: median(seconds), seconds_ratio: median(zip(seconds, fullSeconds).map { $0 / $1 }),
            overhead_seconds: run.overheadSeconds,
            score_rank: run.scoreRank, value_rank: run.valueRank, mean_score_rank: mean(run.scoreRank),
            mean_value_rank: mean(run.valueRank), recall: recall)
    }
}

/// Of at least one number; of an even count the mean of the middle two.
private func median(_ x: [Double]) -> Double {
    let sorted = x.sorted(), middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
