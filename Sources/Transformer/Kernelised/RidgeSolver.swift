import COpenBLAS
import Kernels

/// E = (AᵀA + λI)⁻¹ M for small n×n matrices A, in float64 (Cholesky; Golub & Van Loan, section 4.2); one thread's memory.
struct RidgeSolver: Sendable {
    let size, columns: Int
    let ridge: Double
    /// [n, n] A, and the lower Cholesky factor.
    private let matrix, factor: Buffer<Double>
    /// [n, columns].
    private let right: Buffer<Double>

    /// For right sides of `columns` columns.
    init(size n: Int, columns: Int, ridge: Double) {
        size = n
        self.columns = columns
        self.ridge = ridge
        matrix = Buffer(uninitialized: n * n)
        factor = Buffer(uninitialized: n * n)
        right = Buffer(uninitialized: n * columns)
    }

    /// FLOPs of `take` and one `solve`.
    var flops: Int { 2 * size * size * size + factorFLOPs + 2 * size * columns * size }

    private var factorFLOPs: Int { size * (size + 1) * (size - 1) / 3 }

    /// Takes A, [n, n], for the solutions that follow.
    func take(_ a: UnsafePointer<Float>, _ flops: FlopCounter) {
        let n = size, g = factor.pointer
        for i in 0..<(n * n) { matrix.pointer[i] = Double(a[i]) }
        flops.product(n, n, n, .scores)
        cblas_dgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, blasint(n), blasint(n), blasint(n), 1, matrix.pointer, blasint(n),
            matrix.pointer, blasint(n), 0, g, blasint(n))
        flops.add(factorFLOPs, .scores)
        for j in 0..<n {
            var pivot = g[j * n + j] + ridge
            for c in 0..<j { pivot -= g[j * n + c] * g[j * n + c] }
            let root = pivot.squareRoot()
            g[j * n + j] = root
            for i in (j + 1)..<n {
                var sum = g[i * n + j]
                for c in 0..<j { sum -= g[i * n + c] * g[j * n + c] }
                g[i * n + j] = sum / root
            }
        }
    }

    /// x ← (AᵀA + λI)⁻¹ x, [n, columns].
    func solve(_ x: UnsafeMutablePointer<Float>, _ flops: FlopCounter) {
        let n = size, count = n * columns
        for i in 0..<count { right.pointer[i] = Double(x[i]) }
        flops.product(n, columns, n, .values)
        for operation in [CblasNoTrans, CblasTrans] {
            cblas_dtrsm(
                CblasRowMajor, CblasLeft, CblasLower, operation, CblasNonUnit, blasint(n), blasint(columns), 1,
                factor.pointer, blasint(n), right.pointer, blasint(columns))
        }
        for i in 0..<count { x[i] = Float(right.pointer[i]) }
    }
}
