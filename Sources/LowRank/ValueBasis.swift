import Kernels
import LinearAlgebra

/// What a value basis keeps best.
public enum ValueMeasure: String, Codable, CaseIterable, Sendable {
    /// ‖V − V_r‖: the values themselves (Eckart–Young).
    case energy
    /// ‖dO (V − V_r)ᵀ‖: what the loss sees of them, to first order, through the gradients of the heads' outputs.
    case loss
}

/// The basis of one head's values: v ≈ (v C)[:r] D[:r]ᵀ with C Dᵀ the identity, columns ordered by weight.
public struct ValueBasis: Sendable {
    /// C, d×d.
    public let value: DenseMatrix
    /// D, d×d; C itself where that is orthogonal.
    public let output: DenseMatrix
    /// λ_k, or σ_k² of dO Vᵀ.
    public let spectrum: Spectrum

    /// The eigenvectors P of Gv = Σ v vᵀ by falling eigenvalue: ‖V − V P_r P_rᵀ‖_F² = Σ_{k>r} λ_k, the least that rank r can
    /// have (Eckart–Young).
    ///
    /// - Throws: `LAPACKError`.
    public init(gram: DenseMatrix) throws(LAPACKError) {
        let (energies, vectors) = try LAPACK.symmetricEigen(gram)
        self.init(vectors: vectors, spectrum: Spectrum(energies: energies))
    }

    /// The pair for which ‖dO (V − V_r)ᵀ‖_F is least: values stand where keys do in a score basis, and gradients of
    /// outputs where queries do.
    ///
    /// - Throws: `LAPACKError`.
    public init(gram: DenseMatrix, outputGram: DenseMatrix, ridge: Double = ScoreBasis.defaultRidge) throws(LAPACKError) {
        self.init(pair: try ScoreBasis(queryGram: outputGram, keyGram: gram, ridge: ridge))
    }

    /// Of a score basis in which values were the keys.
    init(pair: ScoreBasis) {
        value = pair.key
        output = pair.query
        spectrum = pair.spectrum
    }

    /// - Parameter vectors: orthogonal.
    init(vectors: DenseMatrix, spectrum: Spectrum) {
        value = vectors
        output = vectors
        self.spectrum = spectrum
    }
}
