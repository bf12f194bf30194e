// C: a symmetric core in the coordinates of the basis held, so that C is diagonal where nothing has drifted.

/// Bounds on what a symmetric perturbation E does to eigenvalues and eigenvectors.
public enum DriftBound {
    /// Weyl: |λ_i(G + E) − λ_i(G)| ≤ ‖E‖₂ ≤ ‖E‖_F for every i, and ‖E‖_F is what this returns.
    public static func weyl(perturbation e: DenseMatrix) -> Double { e.frobeniusNorm }

    /// Davis–Kahan as Yu, Wang & Samworth (Biometrika 2015, Theorem 2) give it, for the leading r eigenvectors:
    /// ‖sin Θ‖_F ≤ 2 min(√r ‖E‖₂, ‖E‖_F) / (λ_r − λ_{r+1}), eigenvalues of G alone, in descending order.
    ///
    /// At most √min(r, d − r), which no angle exceeds; 0 at r = 0 and r = d.
    public static func rotation(
        eigenvalues: [Double], rank r: Int, spectralNorm: Double, frobeniusNorm: Double
    ) -> Double {
        precondition(r >= 0 && r <= eigenvalues.count)
        guard r > 0, r < eigenvalues.count else { return 0 }
        let most = Double(min(r, eigenvalues.count - r)).squareRoot()
        let numerator = 2 * min(Double(r).squareRoot() * spectralNorm, frobeniusNorm)
        let gap = eigenvalues[r - 1] - eigenvalues[r]
        return numerator == 0 ? 0 : gap > 0 ? min(numerator / gap, most) : most
    }

    /// By how much the first r eigenvalues of C may exceed the trace of its leading r×r block C₁₁: the energy that the
    /// first r coordinates miss and the best r-dimensional subspace would have.
    ///
    /// With C₁₂ the off-diagonal block and g a lower bound on λ_min(C₁₁) − λ_max(C₂₂), a subspace at principal angles
    /// θ_j from the first r coordinates gains at most Σ_j (c_j sin 2θ_j − g sin²θ_j), c_j ≤ σ_j(C₁₂); its maximum over
    /// θ_j is ½(√(g² + 4 c_j²) − g), the quadratic residual bound of Li & Li (2005) term by term. Where g > 0 the sum is at
    /// most ‖C₁₂‖_F² / g, second order in the drift; and it is never above √m ‖C₁₂‖_F + m max(−g, 0), m = min(r, d − r).
    /// g comes from diagonals and the Frobenius norms of what is beside them (Weyl).
    public static func missedEnergy(_ c: DenseMatrix, rank r: Int) -> Double {
        let d = c.rows, m = Double(min(r, d - r))
        guard r > 0, r < d else { return 0 }
        let p = c.values.pointer
        var coupling = 0.0, head = 0.0, tail = 0.0
        var least = Double.infinity, most = -Double.infinity
        for i in 0..<d {
            for j in 0..<i {
                let square = p[i * d + j] * p[i * d + j]
                if i < r { head += 2 * square } else if j >= r { tail += 2 * square } else { coupling += square }
            }
            if i < r { least = min(least, p[i * d + i]) } else { most = max(most, p[i * d + i]) }
        }
        let gap = (least - head.squareRoot()) - (most + tail.squareRoot())
        let linear = (m * coupling).squareRoot() + m * max(-gap, 0)
        return gap > 0 ? min(coupling / gap, linear) : linear
    }
}
