import Foundation
import Kernels
import Model
import Options

// N layers, S segments, K levels.

/// What each level loses in each layer, as `drrl calibrate` found it: what `--attention allocated` chooses by.
public struct LevelLosses: Codable, Equatable, Sendable {
    /// K, in any order.
    public let levels: [Level]
    /// [N][K] nats a token.
    public let nats: [[Double]]

    /// - Throws: `LevelError` where there is no level or layer, or a loss is not a number of 0 or more.
    public init(levels: [Level], nats: [[Double]]) throws(LevelError) {
        guard !levels.isEmpty, !nats.isEmpty, nats.allSatisfy({ $0.count == levels.count }) else {
            throw LevelError(description: "losses of \(nats.count) layers at \(levels.count) levels are not one for each")
        }
        for (layer, losses) in nats.enumerated() {
            for (level, loss) in zip(levels, losses) where !(loss >= 0 && loss.isFinite) {
                throw LevelError(description: "layer \(layer) loses \(loss) nats at level \(level); no loss is that")
            }
        }
        self.levels = levels
        self.nats = nats
    }

    /// - Parameters:
    ///   - pairs: [K, 2], the levels.
    ///   - nats: [N, K].
    /// - Throws: `LevelError` for columns outside 1 … d, and what the other initialiser throws.
    public init(pairs: [Int64], nats: [Double], headWidth d: Int) throws(LevelError) {
        var levels: [Level] = []
        for i in stride(from: 0, to: pairs.count, by: 2) {
            let (score, value) = (pairs[i], pairs[i + 1])
            guard (1...Int64(d)).contains(score), (1...Int64(d)).contains(value) else {
                throw LevelError(description: "a measured level is \(score):\(value) where heads are \(d) wide")
            }
            levels.append(Level(scoreRank: Int(score), valueRank: Int(value)))
        }
        let K = max(levels.count, 1)
        try self.init(
            levels: levels, nats: stride(from: 0, to: nats.count, by: K).map { Array(nats[$0..<min($0 + K, nats.count)]) })
    }

    /// The levels as numbers: [K, 2].
    public var pairs: [Int64] { levels.flatMap { [Int64($0.scoreRank), Int64($0.valueRank)] } }

    /// Each layer's and segment's level, [N][S], so that the sum of losses is small and the layers execute `share` of what
    /// full attention does for scores and values of a sequence of `length`; products with bases count against it.
    ///
    /// A level loses in every segment what it loses in its layer on average, and costs more the more keys are far: late
    /// segments have lower levels than early ones.
    ///
    /// - Throws: `LevelError` where even the cheapest levels take more.
    func allocated(
        share: Double, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) throws(LevelError) -> [[Level]] {
        let costs = segmentCosts(configuration, options, length: length), S = costs.count, N = nats.count
        try require(share, costs, configuration, length: length)
        let found = try AllocatedLevels(
            losses: nats.flatMap { Array(repeating: $0, count: S) }, costs: (0..<N).flatMap { _ in costs },
            budget: configuration.budgetFLOPs(share: share, length: length) * Double(N))
        return (0..<N).map { layer in (0..<S).map { levels[found.levels[layer * S + $0]] } }
    }

    /// What a layer executes forward at each level, by segment of a sequence of `length`: [S][K].
    package func segmentCosts(_ configuration: ModelConfiguration, _ options: RankOptions, length: Int) -> [[Double]] {
        configuration.segmentCosts(of: levels, options, length: length)
    }

    /// The levels that `allocated` takes within `shares`, those that most segments of layers have first; where a share cannot be
    /// kept, it takes none.
    package func used(
        within shares: [Double], _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) -> [Level] {
        var uses = Array(repeating: 0, count: levels.count)
        for share in shares {
            let found = try? allocated(share: share, configuration, options, length: length)
            for level in (found ?? []).joined() { uses[levels.firstIndex(of: level) ?? 0] += 1 }
        }
        return uses.indices.filter { uses[$0] > 0 }.sorted { (uses[$1], $0) < (uses[$0], $1) }.map { levels[$0] }
    }

    /// - Parameter besides: what else is executed of the budget, as a share.
    /// - Throws: `LevelError` where a layer with the cheapest levels executes more than `share` allows.
    func require(
        _ share: Double, _ costs: [[Double]], besides: Double = 0, _ configuration: ModelConfiguration, length: Int
    ) throws(LevelError) {
        let least = costs.reduce(0) { $0 + ($1.min() ?? 0) }
        guard least > configuration.budgetFLOPs(share: share - besides, length: length) else { return }
        let reached = String(format: "%.3f", configuration.shareOfScoresAndValues(least, length: length) + besides)
        throw LevelError(
            description: "\(option: "flops-budget") \(share) cannot be kept at context \(length): the cheapest level measured, "
                + "with the exact tokens, takes \(reached) of full attention's scores and values; raise it, or lower "
                + "\(option: "exact-recent")")
    }
}

extension ModelConfiguration {
    /// What a layer executes forward at each level, by segment of a sequence of `length`: [S][K].
    package func segmentCosts(of levels: [Level], _ options: RankOptions, length: Int) -> [[Double]] {
        (0..<options.segments(of: length)).map { segment in
            levels.map {
                Double(segmentFLOPs(
                    level: $0, largest: $0, segment: segment, segmentLength: options.segment, length: length,
                    exact: options.exact))
            }
        }
    }

    /// What one layer executes forward on one sequence of `length` with every segment at `level`.
    func forwardFLOPs(at level: Level, _ options: RankOptions, length: Int) -> Double {
        (0..<options.segments(of: length)).reduce(0.0) {
            $0 + Double(segmentFLOPs(
                level: level, largest: level, segment: $1, segmentLength: options.segment, length: length,
                exact: options.exact))
        }
    }

    /// What one layer may execute on one sequence where `share` of full attention's scores and values is to be kept: those,
    /// and the projections.
    package func budgetFLOPs(share: Double, length: Int) -> Double {
        let (projections, all) = fullLayer(length)
        return projections + share * (all - projections)
    }

    /// The share that a layer with so many FLOPs executes; `budgetFLOPs` the other way.
    func shareOfScoresAndValues(_ flops: Double, length: Int) -> Double {
        let (projections, all) = fullLayer(length)
        return (flops - projections) / (all - projections)
    }

    private func fullLayer(_ length: Int) -> (projections: Double, all: Double) {
        (fullProjectionFLOPs(sequences: 1, length: length) / Double(layers),
         fullAttentionForwardFLOPs(sequences: 1, length: length) / Double(layers))
    }
}
