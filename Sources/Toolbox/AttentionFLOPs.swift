import Kernels

/// Multiply-adds that attention executed (two each), all ranks together; masked elements of a tile count.
public struct AttentionFLOPs: Codable, Equatable, Sendable {
    public var projections, scores, values: Double
    /// Folding resident bases into the weights, once a run on every rank that has windows; for each window the Grams,
    /// bases and folding of its own.
    public var upkeep: Double
    /// The network that names the levels, and the bounds that its choices must keep.
    public var policy, `guard`: Double
    /// All of these.
    public var total: Double
    /// What full attention executes on the same windows.
    public var full_attention: Double
    /// `total` less full attention's projections, as a share of its scores and values: what a budget bounds.
    public var score_value_share: Double
    /// Exponentials of softmax, counted apart.
    public var exponentials: Double

    /// One rank's counts: those of `FlopKind.attention`, then exponentials.
    static func counts(_ counter: FlopCounter) -> [Double] {
        FlopKind.attention.map { Double(counter[$0]) } + [Double(counter.exponentials)]
    }

    /// From the sums of `counts` over ranks.
    init(counts: ArraySlice<Double>, fullAttention: Double, fullProjections: Double) {
        let sums = Array(counts)
        (projections, scores, values, upkeep) = (sums[0], sums[1], sums[2], sums[3])
        (policy, self.guard) = (sums[4], sums[5])
        total = sums.dropLast().reduce(0, +)
        exponentials = sums[FlopKind.attention.count]
        full_attention = fullAttention
        score_value_share = fullAttention > fullProjections ? (total - fullProjections) / (fullAttention - fullProjections) : 0
    }
}
