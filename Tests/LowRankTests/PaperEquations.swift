import LinearAlgebra
import LowRank

// Equations of the paper (Erden 2025, arXiv 2512.15973) and of perturbation theory that the tests hold bases and spectra
// against; the engine takes what it needs of a layer's heads together (`LayerSpectra`).

extension Spectrum {
    /// Eq. 8: ‖A_r − A_r′‖_F = √(Σ_{k=r+1}^{r′} σ_k²), whichever of the ranks is the larger.
    func perturbation(from r: Int, to other: Int) -> Double {
        energies[min(r, other)..<max(r, other)].reversed().reduce(0, +).squareRoot()
    }

    /// ‖A_r − A_r′‖₂ = σ_{r+1} of the smaller rank, 0 where the ranks are equal: the factor ‖ΔA‖₂ of Eq. 9.
    func spectralPerturbation(from r: Int, to other: Int) -> Double {
        r == other ? 0 : energies[min(r, other)].squareRoot()
    }

    /// ‖A − A_r‖_F / ‖A‖_F, which the guard (Eq. 10) compares with ε_t; 0 where A is zero.
    func relativePerturbation(_ rank: Int) -> Double { total > 0 ? (tail(rank) / total).squareRoot() : 0 }

    /// Eq. 15: NER(r) = Σ_{k≤r} σ_k² / Σ σ_k², the normalised energy ratio; 1 where there is no energy to lose.
    func energyRatio(_ rank: Int) -> Double { total > 0 ? 1 - tail(rank) / total : 1 }

    /// The cosine between A and A_r as vectors, √NER(r).
    func cosine(_ rank: Int) -> Double { energyRatio(rank).squareRoot() }

    /// The smallest rank with NER ≥ `threshold`, d where only all columns reach it.
    func smallestRank(reaching threshold: Double) -> Int { (0...count).first { energyRatio($0) >= threshold } ?? count }
}

/// Eq. 9: ‖O′ − O‖_F ≤ ‖ΔA‖₂ ‖V‖_F, the bound on the outputs where the weights on the values change by ΔA.
func outputBound(spectralPerturbation: Double, valueNorm: Double) -> Double { spectralPerturbation * valueNorm }

extension DriftBound {
    /// Weyl: |λ_i(G + E) − λ_i(G)| ≤ ‖E‖₂ ≤ ‖E‖_F for every i, and ‖E‖_F is what this returns.
    static func weyl(perturbation e: DenseMatrix) -> Double { e.frobeniusNorm }

    /// Davis–Kahan as Yu, Wang & Samworth (Biometrika 2015, Theorem 2) give it, for the leading r eigenvectors:
    /// ‖sin Θ‖_F ≤ 2 min(√r ‖E‖₂, ‖E‖_F) / (λ_r − λ_{r+1}), eigenvalues of G alone, in descending order.
    ///
    /// At most √min(r, d − r), which no angle exceeds; 0 at r = 0 and r = d.
    static func rotation(eigenvalues: [Double], rank r: Int, spectralNorm: Double, frobeniusNorm: Double) -> Double {
        guard r > 0, r < eigenvalues.count else { return 0 }
        let most = Double(min(r, eigenvalues.count - r)).squareRoot()
        let numerator = 2 * min(Double(r).squareRoot() * spectralNorm, frobeniusNorm)
        let gap = eigenvalues[r - 1] - eigenvalues[r]
        return numerator == 0 ? 0 : gap > 0 ? min(numerator / gap, most) : most
    }
}

extension DenseMatrix {
    /// The first `count` columns.
    func leadingColumns(_ count: Int) -> DenseMatrix { columns(Array(0..<count)) }
}
