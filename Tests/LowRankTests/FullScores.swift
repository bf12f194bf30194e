import LinearAlgebra
import LowRank
import TestSupport

/// Scores and spectra by the long way: the decomposition of Q Kᵀ itself.
struct FullScores {
    let scores: DenseMatrix
    let sigma: [Double]
    let u: DenseMatrix
    let vt: DenseMatrix

    init(_ q: DenseMatrix, _ k: DenseMatrix) {
        scores = .product(q, k, transposeB: true)
        let parts = SingularValues(scores)
        (u, sigma, vt) = (parts.u, parts.values, parts.vt)
    }

    /// ‖A‖_F², and the energy of all but the first r singular values.
    func tail(_ r: Int) -> Double { sigma.dropFirst(r).reversed().reduce(0) { $0 + $1 * $1 } }
}

/// Q B_q[:, :r] (K B_k[:, :r])ᵀ.
func truncated(_ q: DenseMatrix, _ k: DenseMatrix, _ basis: ScoreBasis, _ r: Int) -> DenseMatrix {
    .product(
        .product(q, basis.query.leadingColumns(r)), .product(k, basis.key.leadingColumns(r)), transposeB: true)
}

func square(_ x: Double) -> Double { x * x }
