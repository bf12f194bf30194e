/// The energies of a basis's columns in descending order: σ_k² of the scores, or λ_k of the values' Gram.
///
/// σ are the singular values of A = Q Kᵀ, before the division by √d, on the rows the basis was built on.
/// Equation numbers are those of Erden 2025 (arXiv 2512.15973).
public struct Spectrum: Sendable, Equatable {
    /// σ_1² ≥ σ_2² ≥ … ≥ σ_d² ≥ 0.
    public let energies: [Double]
    /// `tails[r]` = Σ_{k>r} energies, summed from the smallest up.
    let tails: [Double]

    /// Rounding may leave an energy a little below 0; it counts as 0.
    public init(energies: [Double]) {
        self.energies = energies.map { max($0, 0) }
        var tails = Array(repeating: 0.0, count: energies.count + 1)
        for k in energies.indices.reversed() { tails[k] = tails[k + 1] + self.energies[k] }
        self.tails = tails
    }

    /// d.
    public var count: Int { energies.count }

    /// ‖A‖_F², the energy of all columns.
    public var total: Double { tails[0] }

    /// Σ_{k>r} σ_k² = ‖A − A_r‖_F², the energy that rank r leaves out.
    public func tail(_ rank: Int) -> Double { tails[rank] }
}

/// The spectra of a layer's heads taken together: their energies add up.
public struct LayerSpectra: Sendable {
    private let scores, values: [Spectrum]

    /// Of each head.
    public init(scores: [Spectrum], values: [Spectrum]) {
        self.scores = scores
        self.values = values
    }

    init(_ heads: [HeadBasis]) {
        self.init(scores: heads.map(\.scoreSpectrum), values: heads.map(\.valueSpectrum))
    }

    /// Eq. 15 over all heads, of scores and of values.
    func energyRatios(_ level: Level) -> (score: Double, value: Double) {
        (1 - Self.tail(scores, level.scoreRank), 1 - Self.tail(values, level.valueRank))
    }

    /// ‖ΔA‖_F / ‖A‖_F over all heads, which Eq. 10 compares with ε_t.
    func relativePerturbation(_ level: Level) -> Double { Self.tail(scores, level.scoreRank).squareRoot() }

    /// The energy rule: index of the cheapest level that keeps the share `threshold` (Eq. 15) of scores' and of values'
    /// energy; the last where none does.
    public func smallest(of levels: [Level], reaching threshold: Double) -> Int {
        levels.firstIndex {
            let kept = energyRatios($0)
            return kept.score >= threshold && kept.value >= threshold
        } ?? levels.count - 1
    }

    /// The share of all energy beyond `rank`; 0 where there is none.
    private static func tail(_ spectra: [Spectrum], _ rank: Int) -> Double {
        let total = spectra.reduce(0) { $0 + $1.total }
        return total > 0 ? spectra.reduce(0) { $0 + $1.tail(rank) } / total : 0
    }
}
