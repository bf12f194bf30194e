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

    /// Eq. 8: ‖A_r − A_r′‖_F = √(Σ_{k=r+1}^{r′} σ_k²), whichever of the ranks is the larger.
    public func perturbation(from r: Int, to other: Int) -> Double {
        energies[min(r, other)..<max(r, other)].reversed().reduce(0, +).squareRoot()
    }

    /// ‖A_r − A_r′‖₂ = σ_{r+1} of the smaller rank, 0 where the ranks are equal: the factor ‖ΔA‖₂ of Eq. 9.
    public func spectralPerturbation(from r: Int, to other: Int) -> Double {
        r == other ? 0 : energies[min(r, other)].squareRoot()
    }

    /// ‖A − A_r‖_F / ‖A‖_F, which the guard (Eq. 10) compares with ε_t; 0 where A is zero.
    public func relativePerturbation(_ rank: Int) -> Double {
        total > 0 ? (tails[rank] / total).squareRoot() : 0
    }

    /// Eq. 15: NER(r) = Σ_{k≤r} σ_k² / Σ σ_k², the normalised energy ratio; 1 where there is no energy to lose.
    public func energyRatio(_ rank: Int) -> Double {
        total > 0 ? 1 - tails[rank] / total : 1
    }

    /// The cosine between A and A_r as vectors, √NER(r).
    public func cosine(_ rank: Int) -> Double { energyRatio(rank).squareRoot() }

    /// The smallest rank with NER ≥ `threshold`, d where only all columns reach it.
    public func smallestRank(reaching threshold: Double) -> Int {
        (0...count).first { energyRatio($0) >= threshold } ?? count
    }
}
