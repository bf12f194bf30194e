import Model

/// Floating-point operations of basis upkeep, a multiplication and an addition counting one each, from the shapes
/// executed.
///
/// Products, triangular solves and Cholesky and QR factors are LAPACK's operation counts (LAPACK Working Note 41). An
/// eigendecomposition iterates, so its count depends on the data; it is charged 9 d³ with vectors and 4/3 d³ without
/// (Golub & Van Loan, *Matrix Computations*, 4th ed., §8.3).
public enum UpkeepFLOPs {
    /// op(A) op(B), m×k times k×n.
    public static func product(_ m: Int, _ n: Int, _ k: Int) -> Int { 2 * m * n * k }
    /// Gq, Gk and Gv of `rows` rows, lower triangles (SSYRK).
    public static func gram(rows: Int, _ shape: AttentionShape) -> Int {
        valueGram(rows: rows, heads: shape.heads + 2 * shape.keyValueHeads, headWidth: shape.headWidth)
    }
    /// The Gram of the gradients of the heads' outputs.
    static func outputGram(rows: Int, _ shape: AttentionShape) -> Int {
        valueGram(rows: rows, heads: shape.heads, headWidth: shape.headWidth)
    }
    /// Gv alone.
    public static func valueGram(rows: Int, heads: Int, headWidth d: Int) -> Int { heads * rows * d * (d + 1) }
    /// Cholesky factor of order d: d³/3 + d²/2 + d/6.
    public static func cholesky(_ d: Int) -> Int { d * (d + 1) * (2 * d + 1) / 6 }
    /// Eigenvalues and eigenvectors of a symmetric matrix of order d.
    public static func symmetricEigen(_ d: Int) -> Int { 9 * d * d * d }
    /// Eigenvalues alone.
    public static func symmetricEigenvalues(_ d: Int) -> Int { 4 * d * d * d / 3 }
    /// Q and R of a square matrix: DGEQRF, then DORGQR, 4/3 d³ each in the leading term.
    public static func qr(_ d: Int) -> Int {
        let factor = (4 * d * d * d + 6 * d * d + 14 * d) / 3
        let form = (4 * d * d * d + 3 * d * d - 4 * d) / 3
        return factor + form
    }
    /// d×d triangular solve with d right-hand sides.
    public static func triangularSolve(_ d: Int) -> Int { d * d * d }

    /// C = Lᵀ Gq L with the factor L: what a decomposition and a check both begin with.
    static func core(_ d: Int) -> Int { cholesky(d) + 2 * product(d, d, d) }
    /// `ScoreBasis` from two Grams.
    public static func scoreDecomposition(_ d: Int) -> Int {
        core(d) + symmetricEigen(d) + product(d, d, d) + triangularSolve(d)
    }
    /// `ValueBasis` from one Gram.
    public static func valueDecomposition(_ d: Int) -> Int { symmetricEigen(d) }
    /// Two Grams in the basis held, and their core.
    public static func scoreCheck(_ d: Int) -> Int { 4 * product(d, d, d) + core(d) }
    /// One Gram in the basis held.
    public static func valueCheck(_ d: Int) -> Int { 2 * product(d, d, d) }
    /// One step of orthogonal iteration on a core: its QR, the vectors turned, and the core in them.
    public static func iteration(_ d: Int) -> Int { qr(d) + 3 * product(d, d, d) }
    /// Bq and Bk turned by an iteration, and the check that they are still inverse to each other.
    public static func scoreTurn(_ d: Int) -> Int { 4 * product(d, d, d) + triangularSolve(d) }
    /// P turned by an iteration.
    public static func valueTurn(_ d: Int) -> Int { product(d, d, d) }
}
