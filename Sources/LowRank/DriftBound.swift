import LinearAlgebra

// C: a symmetric core in the coordinates of the basis held, so that C is diagonal where nothing has drifted.

/// A bound on what a basis misses once the matrix that it was found for has drifted.
public enum DriftBound {
    /// By how much the first r eigenvalues of C may exceed the trace of its leading r×r block C₁₁: the energy that the
    /// first r coordinates miss and the best r-dimensional subspace would have. The smaller of two bounds:
    ///
    /// - Ky Fan's: with E all that is beside the diagonal, the first r eigenvalues of C sum to at most the r largest
    ///   diagonal elements plus the first r eigenvalues of E, and those to at most √(r (d − r) / d) ‖E‖_F, as tr E = 0.
    /// - Where g, a lower bound on λ_min(C₁₁) − λ_max(C₂₂), is positive: a subspace at principal angles θ_j from the first
    ///   r coordinates gains at most Σ_j (c_j sin 2θ_j − g sin²θ_j) with c_j ≤ σ_j(C₁₂), hence at most ‖C₁₂‖_F² / g, second
    ///   order in the drift (compare Li & Li 2005). g comes from the diagonal and the Frobenius norms beside it (Weyl).
    public static func missedEnergy(_ c: DenseMatrix, rank r: Int) -> Double {
        let d = c.rows
        guard r > 0, r < d else { return 0 }
        let p = c.values.pointer, diagonal = c.diagonal
        var coupling = 0.0, head = 0.0, tail = 0.0
        for i in 0..<d {
            for j in 0..<i {
                let square = p[i * d + j] * p[i * d + j]
                if i < r { head += 2 * square } else if j >= r { tail += 2 * square } else { coupling += square }
            }
        }
        let unordered = diagonal.sorted(by: >).prefix(r).reduce(0, +) - diagonal.prefix(r).reduce(0, +)
        let share = Double(r * (d - r)) / Double(d)
        let linear = max(unordered, 0) + (share * (head + tail + 2 * coupling)).squareRoot()
        let least = diagonal.prefix(r).min() ?? 0, most = diagonal.dropFirst(r).max() ?? 0
        let gap = (least - head.squareRoot()) - (most + tail.squareRoot())
        return gap > 0 ? min(coupling / gap, linear) : linear
    }
}
