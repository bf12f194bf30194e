import Model

// W windows of L tokens, N layers, S segments, K levels; P pieces of a window that have a level each.

/// Levels chosen with the truth in hand: those whose measured divergences (`LevelDivergences`) have the least sum within a
/// budget. No strategy that names levels before it has run can be expected to do better; it is a ceiling to hold them against.
///
/// One budget is for all windows and layers together, so that a FLOP has one price everywhere (`AllocatedLevels`). That
/// divergences of layers add up is an assumption; what the levels lose together is to be measured.
public struct OracleLevels: Sendable {
    /// Σ of the chosen divergences over all windows, layers and tokens, in nats.
    public let divergence: Double
    /// Σ of FLOPs, as they are foreseen.
    public let flops: Double
    private let known: LevelDivergences
    private let segment, grain: Int
    private let exact: ExactTokens?
    /// [W × N × P], as indices in the list.
    private let chosen: [Int]

    /// - Parameters:
    ///   - grain: tokens that share a level: a segment's, or fewer where some keys are exact.
    ///   - share: of full attention's scores and values.
    ///   - coarser: a choice at a multiple of the grain, than which this one is to lose no more.
    ///   - levels: by layer and segment, likewise, for every window alike.
    /// - Throws: `LevelError` where the cheapest levels take more than `share`.
    public init(
        _ known: LevelDivergences, grain: Int, within share: Double, _ configuration: ModelConfiguration,
        _ options: RankOptions, noWorseThan coarser: OracleLevels? = nil, orThan levels: [[Level]]? = nil
    ) throws(LevelError) {
        let (W, N, L, T, K) = (known.windows, known.layers, known.length, options.segment, known.levels.count)
        let pieces = stride(from: 0, to: L, by: grain).map { $0..<min($0 + grain, L) }
        let segments = configuration.segmentCosts(of: known.levels, options, length: L)
        let costs = pieces.map { piece in
            let s = piece.lowerBound / T, tokens = min((s + 1) * T, L) - s * T
            return segments[s].map { $0 * Double(piece.count) / Double(tokens) }
        }
        var losses: [[Double]] = []
        losses.reserveCapacity(W * N * pieces.count)
        for window in 0..<W {
            for layer in 0..<N {
                let own = (0..<K).map { known[window, layer, $0] }
                for piece in pieces { losses.append(own.map { own in piece.reduce(0) { $0 + own[$1] } }) }
            }
        }
        let places = (0..<(W * N * pieces.count)).map { (row: $0 / pieces.count, piece: $0 % pieces.count) }
        var others: [[Int]] = []
        if let coarser {
            let count = (L - 1) / coarser.grain + 1
            others.append(places.map { coarser.chosen[$0.row * count + $0.piece * grain / coarser.grain] })
        }
        if let levels, Set(levels.joined()).isSubset(of: known.levels) {
            others.append(places.map { known.levels.firstIndex(of: levels[$0.row % N][$0.piece * grain / T]) ?? K - 1 })
        }
        // Sums of the same FLOPs in another order are equal.
        let budget = configuration.budgetFLOPs(share: share, length: L) * Double(N * W) * (1 + 1e-12)
        let found = try AllocatedLevels(
            losses: losses, costs: (0..<(W * N)).flatMap { _ in costs }, budget: budget, noWorseThan: others)
        (divergence, flops, chosen) = (found.loss, found.flops, found.levels)
        (segment, exact) = (T, options.exact)
        self.grain = grain
        self.known = known
    }

    /// The levels of a layer in a window.
    public func levels(window: Int, layer: Int) -> SegmentLevels {
        let pieces = (known.length - 1) / grain + 1, first = (window * known.layers + layer) * pieces
        return SegmentLevels(
            segment: segment, segments: pieces, levels: chosen[first..<(first + pieces)].map { known.levels[$0] }, exact: exact,
            grain: grain)
    }
}

extension LevelDivergences {
    /// The ceilings by segment and by token within a share of full attention's scores and values; by token they lose no more
    /// than by segment, and by segment no more than `allocated`, in the sum of these divergences.
    ///
    /// - Throws: `LevelError` where the cheapest levels take more.
    public func oracles(
        within share: Double, _ configuration: ModelConfiguration, _ options: RankOptions, _ calibrated: CalibratedLosses?
    ) throws(LevelError) -> (segment: OracleLevels, token: OracleLevels) {
        let allocated = try? calibrated?.levels.allocated(share: share, configuration, options, length: length)
        let segment = try OracleLevels(
            self, grain: options.segment, within: share, configuration, options, orThan: allocated)
        let token = try OracleLevels(self, grain: 1, within: share, configuration, options, noWorseThan: segment)
        return (segment, token)
    }
}
