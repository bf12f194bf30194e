import Checkpoint
import CommandLine
import Communicator
import Files
import Foundation
import Kernels
import LowRank
import Model
import Options
import Worker

/// Collective: `drrl calibrate`. Each rank holds the whole model and takes a share of the windows; the report is the same on
/// every rank, and rank 0 writes the checkpoint.
///
/// - Throws: `AgreedError` for what a user can mend, and `MPIError`.
func calibrate(_ options: CalibrateOptions, on world: borrowing Communicator) throws -> CalibrationReport {
    let saved = try OpenCheckpoint(path: options.common.checkpoint, world: world)
    let plan = try agreed(on: world) {
        for input in [options.common.text, options.common.checkpoint] where SystemFile.areSame(input, options.to) {
            throw ConfigurationError("--to \(options.to) would overwrite \(input); name another file")
        }
        return try CalibrationPlan(options, saved.run)
    }
    let text = try EvaluationText(
        path: options.common.text, tokenizer: saved.tokenizer, specialText: options.common.specialText, world: world)
    let threads = try ThreadCount(asked: options.common.threads, world: world).threads
    // Windows that are all text: what pads the last one is not to be learnt from.
    let windows = min((text.tokens.count - 1) / plan.context, plan.windows)
    try agreed(on: world) {
        guard windows >= 1 else {
            throw ConfigurationError(
                "\(options.common.text) has \(text.tokens.count) tokens, too few for a window of \(plan.context); give another "
                    + "text or a shorter --context")
        }
    }
    try agreed(on: world) {
        // Before the work, so that a path that cannot be written costs none.
        guard world.rank == 0 else { return }
        _ = try CheckpointWriter(
            path: options.to, step: saved.step, expectedBytes: ParameterArray.weights(of: saved.run.model).byteCount)
    }
    let calibration = try Calibration(
        saved, plan, tokens: text.tokens, windows: windows, seed: plan.seed, threads: threads, on: world)
    let start = monotonicSeconds()
    try calibration.findBases(on: world)
    let losses = try calibration.estimateLosses(on: world)
    let exact = try calibration.divergences(on: world)
    let seconds = monotonicSeconds() - start
    try calibration.write(losses, to: options.to, on: world)
    return CalibrationReport(
        checkpoint: options.to, text: options.common.text, text_hash: text.hash, context: plan.context, windows: windows,
        segment: plan.ranks.segment, exact_recent: plan.ranks.exact?.recent, exact_first: plan.ranks.exact?.first,
        value_basis: plan.ranks.values, look_every: plan.lookEvery, ranks: world.size, threads: threads, seconds: seconds,
        levels: losses.levels.levels.map(\.description), losses: losses.levels.nats,
        divergence: exact.map { measured in
            zip(plan.exactLevels, measured).map { level, nats in
                let place = losses.levels.levels.firstIndex(of: level) ?? 0
                return .init(level: level.description, nats: nats, estimate: losses.levels.nats.map { $0[place] })
            }
        })
}

/// What `drrl calibrate` found; as JSON under these names.
struct CalibrationReport: Codable, Equatable {
    /// Measured divergence of the whole model from full attention, one layer at a level at a time.
    struct Divergence: Codable, Equatable {
        var level: String
        /// Nats a token, by layer: measured, and the loss estimated.
        var nats, estimate: [Double]
        /// Spearman's, of the two over layers.
        var rank_correlation: Double

        init(level: String, nats: [Double], estimate: [Double]) {
            self.level = level
            self.nats = nats
            self.estimate = estimate
            rank_correlation = rankCorrelation(nats, estimate)
        }
    }

    var checkpoint, text: String
    /// SHA-256.
    var text_hash: String
    var context, windows, segment: Int
    var exact_recent, exact_first: Int?
    var value_basis: ValueMeasure
    var look_every: Int
    /// Processes, and threads of each.
    var ranks, threads: Int
    var seconds: Double
    var levels: [String]
    /// Nats a token, [N][levels].
    var losses: [[Double]]
    var divergence: [Divergence]?

    /// A few lines for a person: what each level loses in all layers, and where most.
    var lines: String {
        func milli(_ nats: Double) -> String { fixed(1000 * nats, 3) }
        var lines = [
            "calibrated  \(checkpoint): \(windows) window\(windows == 1 ? "" : "s") of \(context) tokens of \(text), "
                + "\(text_hash.prefix(12)), in \(fixed(seconds, 1)) s",
            "levels      of far keys, beside segments of \(segment) tokens: \((exact_recent ?? 0) + 1) segments and "
                + "\(exact_first ?? 0) first tokens exact; value bases by \(value_basis.rawValue)",
            "losses      thousandths of a nat a token, all layers together; the largest of a layer",
        ]
        for (i, level) in levels.enumerated() {
            let own = losses.map { $0[i] }, worst = own.indices.max { own[$0] < own[$1] } ?? 0
            lines.append(
                level.padding(toLength: 12, withPad: " ", startingAt: 0)
                    + "\(milli(own.reduce(0, +))); \(milli(own[worst])) in layer \(worst)")
        }
        for measured in divergence ?? [] {
            lines.append(
                "measured    \(measured.level), one layer at a time: \(milli(measured.nats.reduce(0, +))) where "
                    + "\(milli(measured.estimate.reduce(0, +))) was estimated; rank correlation over layers "
                    + fixed(measured.rank_correlation, 3))
        }
        return lines.joined(separator: "\n")
    }
}

/// Spearman's rank correlation of two lists as long; ties have their mean rank.
func rankCorrelation(_ x: [Double], _ y: [Double]) -> Double {
    func ranks(_ x: [Double]) -> [Double] {
        x.map { own in Double(x.count { $0 < own }) + Double(x.count { $0 == own } - 1) / 2 }
    }
    let a = ranks(x), b = ranks(y), mean = Double(x.count - 1) / 2
    func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) } }
    let scale = (product(a, a) * product(b, b)).squareRoot()
    return scale > 0 ? product(a, b) / scale : 0
}
