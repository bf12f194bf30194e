/// The spectra of a layer's heads taken together: their energies add up.
struct LayerSpectra {
    private let scores, values: [Spectrum]

    init(_ heads: [HeadBasis]) {
        scores = heads.map(\.scoreSpectrum)
        values = heads.map(\.valueSpectrum)
    }

    /// Eq. 15 over all heads, of scores and of values.
    func energyRatios(_ level: Level) -> (score: Double, value: Double) {
        (1 - Self.tail(scores, level.scoreRank), 1 - Self.tail(values, level.valueRank))
    }

    /// ‖ΔA‖_F / ‖A‖_F over all heads, which Eq. 10 compares with ε_t.
    func relativePerturbation(_ level: Level) -> Double { Self.tail(scores, level.scoreRank).squareRoot() }

    /// Index of the cheapest level that keeps the share `threshold` of scores' and of values' energy; else the last.
    func smallest(of levels: [Level], reaching threshold: Double) -> Int {
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
