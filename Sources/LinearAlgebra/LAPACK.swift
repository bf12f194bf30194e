import CLAPACKE
import Kernels

/// Decompositions of float64 matrices by LAPACK. Matrices are row-major; inputs are left as they are.
///
/// Every function throws `LAPACKError`: for an input that is not finite, and for any status but success.
public enum LAPACK {
    /// A = V diag(λ) Vᵀ of a symmetric A (dsyevd, divide and conquer), of which the lower triangle is read.
    ///
    /// λ comes in descending order, LAPACK's reversed; column i of V is the eigenvector of λ_i.
    ///
    /// - Throws: `LAPACKError`.
    public static func symmetricEigen(
        _ a: DenseMatrix
    ) throws(LAPACKError) -> (values: [Double], vectors: DenseMatrix) {
        let d = a.rows
        try check(a, "dsyevd", square: true)
        guard d > 0 else { return ([], a.copy()) }
        let work = a.copy()
        let ascending = Buffer<Double>(uninitialized: d)
        // Seen by columns, the upper triangle is our lower one, and the eigenvectors come out as our rows.
        let info = LAPACKE_dsyevd(
            LAPACK_COL_MAJOR, Self.letter("V"), Self.letter("U"), Int32(d), work.values.pointer, Int32(d),
            ascending.pointer)
        try check(info, "dsyevd", "the tridiagonal eigenvalue problem did not converge")
        let vectors = DenseMatrix(Buffer(uninitialized: d * d), rows: d, columns: d)
        let source = work.values.pointer, target = vectors.values.pointer
        for i in 0..<d {
            for j in 0..<d { target[i * d + j] = source[(d - 1 - j) * d + i] }
        }
        return (ascending.array.reversed(), vectors)
    }

    /// The eigenvalues alone of a symmetric A (dsyevd), descending; the lower triangle is read.
    ///
    /// - Throws: `LAPACKError`.
    public static func symmetricEigenvalues(_ a: DenseMatrix) throws(LAPACKError) -> [Double] {
        let d = a.rows
        try check(a, "dsyevd", square: true)
        guard d > 0 else { return [] }
        let work = a.copy()
        let ascending = Buffer<Double>(uninitialized: d)
        let info = LAPACKE_dsyevd(
            LAPACK_COL_MAJOR, Self.letter("N"), Self.letter("U"), Int32(d), work.values.pointer, Int32(d),
            ascending.pointer)
        try check(info, "dsyevd", "the tridiagonal eigenvalue problem did not converge")
        return ascending.array.reversed()
    }

    /// A = Q R (dgeqrf, dorgqr), m×n with m ≥ n; Q: m×n with orthonormal columns, R: n×n upper triangular.
    ///
    /// The diagonal of R is made non-negative, so that the factors are unique where A has full rank.
    ///
    /// - Throws: `LAPACKError`.
    public static func qr(_ a: DenseMatrix) throws(LAPACKError) -> (q: DenseMatrix, r: DenseMatrix) {
        let m = a.rows, n = a.columns
        try check(a, "dgeqrf")
        guard m >= n else {
            throw LAPACKError(routine: "dgeqrf", info: 0, meaning: "\(m)×\(n): there must be as many rows as columns")
        }
        let q = a.copy(), r = DenseMatrix(rows: n, columns: n)
        guard n > 0 else { return (q, r) }
        let tau = Buffer<Double>(uninitialized: n)
        let factored = LAPACKE_dgeqrf(
            LAPACK_ROW_MAJOR, Int32(m), Int32(n), q.values.pointer, Int32(n), tau.pointer)
        try check(factored, "dgeqrf", "no failure is defined for this routine")
        for i in 0..<n {
            for j in i..<n { r[i, j] = q[i, j] }
        }
        let formed = LAPACKE_dorgqr(
            LAPACK_ROW_MAJOR, Int32(m), Int32(n), Int32(n), q.values.pointer, Int32(n), tau.pointer)
        try check(formed, "dorgqr", "no failure is defined for this routine")
        for i in 0..<n where r[i, i] < 0 {
            for j in i..<n { r[i, j].negate() }
            for row in 0..<m { q[row, i].negate() }
        }
        return (q, r)
    }

    /// A = L Lᵀ of a symmetric positive definite A (dpotrf), of which the lower triangle is read; L lower triangular.
    ///
    /// - Throws: `LAPACKError`.
    public static func cholesky(_ a: DenseMatrix) throws(LAPACKError) -> DenseMatrix {
        let l = a.copy()
        try factor(l)
        return l
    }

    /// `cholesky` in A's own memory, which holds L afterwards, zeros above its diagonal.
    ///
    /// - Throws: `LAPACKError`, also where A is not positive definite; then its contents are lost.
    public static func factor(_ l: DenseMatrix) throws(LAPACKError) {
        let d = l.rows
        try check(l, "dpotrf", square: true)
        guard d > 0 else { return }
        // Seen by columns, our lower triangle is the upper one, and UᵀU there is L Lᵀ here.
        let info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, Self.letter("U"), Int32(d), l.values.pointer, Int32(d))
        try check(info, "dpotrf", "the leading minor of order \(info) is not positive: the matrix is not positive definite")
        let p = l.values.pointer
        for i in 0..<d {
            for j in (i + 1)..<d { p[i * d + j] = 0 }
        }
    }

    private static func letter(_ character: Unicode.Scalar) -> CChar { CChar(character.value) }

    private static func check(_ a: DenseMatrix, _ routine: String, square: Bool = false) throws(LAPACKError) {
        if square && a.rows != a.columns {
            throw LAPACKError(routine: routine, info: 0, meaning: "\(a.rows)×\(a.columns): the matrix must be square")
        }
        if !a.isFinite {
            throw LAPACKError(
                routine: routine, info: 0, meaning: "the \(a.rows)×\(a.columns) matrix holds NaN or infinity")
        }
    }

    private static func check(_ info: Int32, _ routine: String, _ failure: String) throws(LAPACKError) {
        if info == 0 { return }
        let meaning =
            switch Int(info) {
            case Int(LAPACK_WORK_MEMORY_ERROR), Int(LAPACK_TRANSPOSE_MEMORY_ERROR): "no memory for its workspace"
            case ..<0: "argument \(-info) was refused"
            default: failure
            }
        throw LAPACKError(routine: routine, info: Int(info), meaning: meaning)
    }
}

/// A decomposition that could not be made. The description is one line.
public struct LAPACKError: Error, Equatable, CustomStringConvertible {
    /// LAPACK's name of the routine, e.g. `dsyevd`.
    public let routine: String
    /// The status it returned: below 0 for an argument it refused, above 0 for a failure of the algorithm;
    /// 0 where the input was refused before the call.
    public let info: Int
    /// What that status means for this routine.
    public let meaning: String

    /// An error of `routine`, whose status `info` means `meaning`.
    public init(routine: String, info: Int, meaning: String) {
        self.routine = routine
        self.info = info
        self.meaning = meaning
    }

    public var description: String { "\(routine) failed (info \(info)): \(meaning)" }
}
