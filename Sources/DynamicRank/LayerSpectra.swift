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
