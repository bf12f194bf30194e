import Kernels
import LinearAlgebra

/// E = (AᵀA + λI)⁻¹ M for small n×n matrices A, in float64 (Cholesky; Golub & Van Loan, section 4.2); one thread's memory.
struct RidgeSolver: Sendable {
    let size, columns: Int
    let ridge: Double
    /// [n, n] A, and the lower Cholesky factor.
    private let matrix, factor: DenseMatrix
    /// [n, columns].
    private let right: DenseMatrix

    /// For right sides of `columns` columns.
    init(size n: Int, columns: Int, ridge: Double) {
        size = n
        self.columns = columns
        self.ridge = ridge
        matrix = DenseMatrix(rows: n, columns: n)
        factor = DenseMatrix(rows: n, columns: n)
        right = DenseMatrix(rows: n, columns: columns)
    }

    /// FLOPs of `take` and one `solve`.
    var flops: Int { 2 * size * size * size + factorFLOPs + 2 * size * columns * size }

    private var factorFLOPs: Int { size * (size + 1) * (size - 1) / 3 }

    /// Takes A, [n, n], for the solutions that follow.
    func take(_ a: UnsafePointer<Float>, _ flops: FlopCounter) {
        let n = size
        for i in 0..<(n * n) { matrix.values.pointer[i] = Double(a[i]) }
        flops.product(n, n, n, .scores)
        factor.take(matrix, times: matrix, transposeA: true)
        for i in 0..<n { factor[i, i] += ridge }
        flops.add(factorFLOPs, .scores)
        do {
            try LAPACK.factor(factor)
        } catch {
            // AᵀA + λI has a factor unless A is not finite; then neither are the solutions, nor the loss, which says so.
            factor.values.fill(.nan)
        }
    }

    /// x ← (AᵀA + λI)⁻¹ x, [n, columns].
    func solve(_ x: UnsafeMutablePointer<Float>, _ flops: FlopCounter) {
        let n = size, count = n * columns
        for i in 0..<count { right.values.pointer[i] = Double(x[i]) }
        flops.product(n, columns, n, .values)
        for transpose in [false, true] { right.solve(lower: factor, transpose: transpose) }
        for i in 0..<count { x[i] = Float(right.values.pointer[i]) }
    }
}
