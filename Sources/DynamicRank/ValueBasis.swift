import Kernels

/// The basis of one head's values: P, the eigenvectors of Gv = Σ v vᵀ by falling eigenvalue, so that v ≈ P_r P_rᵀ v is
/// the best rank-r approximation of V (Eckart–Young) and ‖V − V P_r P_rᵀ‖_F² = Σ_{k>r} λ_k.
public struct ValueBasis: Sendable {
    /// P, d×d orthogonal.
    public let vectors: DenseMatrix
    /// λ_k.
    public let spectrum: Spectrum

    /// By full decomposition.
    ///
    /// - Throws: `LAPACKError`.
    public init(gram: DenseMatrix) throws(LAPACKError) {
        let (energies, vectors) = try LAPACK.symmetricEigen(gram)
        self.init(vectors: vectors, spectrum: Spectrum(energies: energies))
    }

    init(vectors: DenseMatrix, spectrum: Spectrum) {
        self.vectors = vectors
        self.spectrum = spectrum
    }
}
