import COpenBLAS
import Kernels
import LinearAlgebra

// Gq, Gk: d×d Grams of the queries and keys; A = Q Kᵀ the scores before the division by √d.

/// The optimal bilinear basis of one head's scores (Eckart–Young; Eqs. 13–14 of Erden 2025, arXiv 2512.15973):
/// q′ = Bqᵀ q and k′ = Bkᵀ k, of which the first r coordinates give the best rank-r scores, for every r at once.
///
/// With Gk = L Lᵀ, the symmetric core C = Lᵀ Gq L = V Σ² Vᵀ has the squared singular values of A, and
/// Bq = L V S⁻¹, Bk = L⁻ᵀ V S, so Bqᵀ Bk = I. This is Gk^½ V, Gk^-½ V with the Cholesky factor in the square root's place,
/// which turns V and changes neither the products nor their truncations; it costs one eigendecomposition instead of three.
///
/// **Scaling.** S is diagonal and free: rank-r scores do not see it, and float32's relative rounding hardly does. It is
/// chosen so that ‖Bq_i‖ = ‖Bk_i‖. As Bk = Bq⁻ᵀ, this is the scaling of least condition number ‖Bq‖_F ‖Bk‖_F (by Cauchy
/// and Schwarz, Σ ‖Bq_i‖² Σ ‖Bk_i‖² ≥ (Σ ‖Bq_i‖ ‖Bk_i‖)², which S does not change, with equality here), and every column
/// norm lies between 1 and the square root of the amplification below. S = Σ^½, which gives both sides the energy σ_i, overflows as
/// σ_i → 0; S = I leaves whitened keys, whose size depends on the number of tokens.
///
/// **Regularisation.** Each Gram is divided by its mean eigenvalue (trace / d), so no scale matters, and `ridge` is added to
/// its diagonal. So Bq Bkᵀ = I holds for rank-deficient Grams too: at r = d every score is reproduced, those of
/// directions never seen included. The amplification ‖Bq_i‖ ‖Bk_i‖, times float32's rounding unit the error that coordinate i can
/// make, is at most √(1 + d / ridge). What it costs: the energies are those of Q and K with that much white noise, so
/// they exceed the true ones by (2 ridge + ridge²) tr Gq tr Gk / d in total, and for every r
/// optimal tail ≤ ‖A − A_r‖_F² ≤ tail of these energies.
///
/// Where rounding leaves the keys' Gram indefinite all the same, as centring does where the mean is most of few keys, the ridge
/// is raised tenfold until it does not.
///
/// A zero Gram has zero scores; every basis is then optimal, all energies are 0, and the identity stands in for that Gram.
public struct ScoreBasis: Sendable {
    /// Noise in most float32 Grams is below this, and amplification stays below 8 000 at d = 64.
    public static let defaultRidge = 1e-6

    /// Bq, d×d, columns by falling energy.
    public let query: DenseMatrix
    /// Bk, d×d.
    public let key: DenseMatrix
    /// σ_k², of the regularised Grams.
    public let spectrum: Spectrum

    /// The basis of two Grams by full decomposition.
    ///
    /// - Throws: `LAPACKError`.
    public init(queryGram: DenseMatrix, keyGram: DenseMatrix, ridge: Double = defaultRidge) throws(LAPACKError) {
        let gq = try RegularisedGram(queryGram, ridge: ridge), (gk, l) = try RegularisedGram.factored(keyGram, ridge: ridge)
        let (energies, v) = try LAPACK.symmetricEigen(scoreCore(query: gq.matrix, keyFactor: l))
        let scale = gq.scale * gk.scale
        self.init(
            query: DenseMatrix.product(l, v), key: v.solved(lower: l, transpose: true),
            spectrum: Spectrum(energies: energies.map { $0 * scale }))
    }

    /// Scales columns of a biorthogonal pair to equal norms.
    init(query: DenseMatrix, key: DenseMatrix, spectrum: Spectrum) {
        let d = query.rows
        for i in 0..<d {
            let q = query.values.pointer + i, k = key.values.pointer + i
            let ratio = (cblas_dnrm2(blasint(d), k, blasint(d)) / cblas_dnrm2(blasint(d), q, blasint(d))).squareRoot()
            cblas_dscal(blasint(d), ratio, q, blasint(d))
            cblas_dscal(blasint(d), 1 / ratio, k, blasint(d))
        }
        self.query = query
        self.key = key
        self.spectrum = spectrum
    }
}

/// A Gram divided by its mean eigenvalue, plus `ridge` on the diagonal.
struct RegularisedGram {
    let matrix: DenseMatrix
    /// The mean eigenvalue, trace / d; 0 for a zero Gram, in whose place `matrix` is the identity.
    let scale: Double

    /// - Throws: where the Gram is not finite or its trace is negative.
    init(_ gram: DenseMatrix, ridge: Double) throws(LAPACKError) {
        precondition(gram.rows == gram.columns && ridge > 0, "a square Gram and a ridge above 0")
        let d = gram.rows
        let scale = gram.diagonal.reduce(0, +) / Double(max(d, 1))
        guard scale >= 0, gram.isFinite, scale.isFinite else {
            throw LAPACKError(routine: "dpotrf", info: 0, meaning: "a Gram of trace \(scale * Double(d)) is no sum of squares")
        }
        self.scale = scale
        guard scale > 0 else {
            matrix = .identity(d)
            return
        }
        matrix = gram.copy()
        for i in 0..<matrix.values.count { matrix.values.pointer[i] /= scale }
        for i in 0..<d { matrix[i, i] += ridge }
    }
}

extension RegularisedGram {
    /// A Gram and its Cholesky factor, with the least of `ridge`, 10 `ridge`, … at which it has one; beyond 10⁶ times its mean
    /// eigenvalue it is no Gram.
    ///
    /// - Throws: `LAPACKError` where it has none.
    static func factored(
        _ gram: DenseMatrix, ridge: Double
    ) throws(LAPACKError) -> (gram: RegularisedGram, factor: DenseMatrix) {
        let regularised = try RegularisedGram(gram, ridge: ridge)
        do {
            return (regularised, try LAPACK.cholesky(regularised.matrix))
        } catch {
            guard ridge < 1e6 else { throw error }
            return try factored(gram, ridge: 10 * ridge)
        }
    }
}

/// C = Lᵀ Gq L, symmetric.
func scoreCore(query: DenseMatrix, keyFactor l: DenseMatrix) -> DenseMatrix {
    .product(l, .product(query, l), transposeA: true)
}
