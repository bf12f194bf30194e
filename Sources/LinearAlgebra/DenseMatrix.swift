import COpenBLAS
import Kernels

/// A float64 matrix, row-major and contiguous: element (i, j) is `values[i * columns + j]`.
///
/// Copies share their elements, as copies of a buffer do; operations return new matrices.
///
///     let gram = DenseMatrix.product(x, x, transposeA: true)  // xᵀ x
///     let l = try LAPACK.cholesky(gram)                       // gram = l lᵀ
///     let y = b.solved(lower: l)                              // l⁻¹ b
public struct DenseMatrix: Sendable {
    /// Number of rows.
    public let rows: Int
    /// Number of columns.
    public let columns: Int
    /// The elements, rows × columns of them.
    public let values: Buffer<Double>

    /// A view of `values`, which holds exactly rows × columns elements.
    public init(_ values: Buffer<Double>, rows: Int, columns: Int) {
        precondition(
            rows >= 0 && columns >= 0 && values.count == rows * columns, "\(values.count) elements for \(rows)×\(columns)")
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    /// Zeros.
    public init(rows: Int, columns: Int) {
        self.init(Buffer(count: rows * columns, repeating: 0), rows: rows, columns: columns)
    }

    /// The d×d matrix with `diagonal` on its diagonal.
    public init(diagonal: [Double]) {
        self.init(rows: diagonal.count, columns: diagonal.count)
        for (i, value) in diagonal.enumerated() { self[i, i] = value }
    }

    /// The d×d identity.
    public static func identity(_ d: Int) -> DenseMatrix { DenseMatrix(diagonal: Array(repeating: 1, count: d)) }

    /// Element (i, j).
    @inlinable
    public subscript(i: Int, j: Int) -> Double {
        get { values[i * columns + j] }
        nonmutating set { values[i * columns + j] = newValue }
    }

    /// A matrix of its own with the same elements.
    public func copy() -> DenseMatrix {
        let result = Buffer<Double>(uninitialized: values.count)
        result.copy(from: values)
        return DenseMatrix(result, rows: rows, columns: columns)
    }

    /// The transpose, as a matrix of its own.
    public var transposed: DenseMatrix {
        let result = DenseMatrix(Buffer(uninitialized: values.count), rows: columns, columns: rows)
        let source = values.pointer, target = result.values.pointer
        for i in 0..<rows {
            for j in 0..<columns { target[j * rows + i] = source[i * columns + j] }
        }
        return result
    }

    /// The columns named, in that order.
    public func columns(_ order: [Int]) -> DenseMatrix {
        let result = DenseMatrix(Buffer(uninitialized: rows * order.count), rows: rows, columns: order.count)
        for i in 0..<rows {
            for (j, column) in order.enumerated() { result[i, j] = self[i, column] }
        }
        return result
    }

    /// op(A) op(B) by DGEMM, where op transposes if asked.
    public static func product(
        _ a: DenseMatrix, _ b: DenseMatrix, transposeA: Bool = false, transposeB: Bool = false
    ) -> DenseMatrix {
        let c = DenseMatrix(rows: transposeA ? a.columns : a.rows, columns: transposeB ? b.rows : b.columns)
        c.take(a, times: b, transposeA: transposeA, transposeB: transposeB)
        return c
    }

    /// C ← op(A) op(B), `product` into memory that is there.
    public func take(_ a: DenseMatrix, times b: DenseMatrix, transposeA: Bool = false, transposeB: Bool = false) {
        let m = transposeA ? a.columns : a.rows, k = transposeA ? a.rows : a.columns
        let n = transposeB ? b.rows : b.columns
        precondition(
            k == (transposeB ? b.columns : b.rows) && rows == m && columns == n,
            "\(m)×\(k) · \(transposeB ? b.columns : b.rows)×\(n)")
        cblas_dgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
            blasint(m), blasint(n), blasint(k), 1, a.values.pointer, blasint(max(a.columns, 1)),
            b.values.pointer, blasint(max(b.columns, 1)), 0, values.pointer, blasint(max(n, 1)))
    }

    /// X ← op(L)⁻¹ X for a lower triangular L (DTRSM), where op transposes if asked.
    public func solve(lower l: DenseMatrix, transpose: Bool = false) {
        precondition(l.rows == l.columns && l.rows == rows, "\(l.rows)×\(l.columns) against \(rows) rows")
        cblas_dtrsm(
            CblasRowMajor, CblasLeft, CblasLower, transpose ? CblasTrans : CblasNoTrans, CblasNonUnit, blasint(rows),
            blasint(columns), 1, l.values.pointer, blasint(max(l.columns, 1)), values.pointer, blasint(max(columns, 1)))
    }

    /// op(L)⁻¹ A as a matrix of its own.
    public func solved(lower l: DenseMatrix, transpose: Bool = false) -> DenseMatrix {
        let x = copy()
        x.solve(lower: l, transpose: transpose)
        return x
    }

    /// A − B.
    public static func - (a: DenseMatrix, b: DenseMatrix) -> DenseMatrix {
        precondition(a.rows == b.rows && a.columns == b.columns)
        let c = a.copy()
        cblas_daxpy(blasint(c.values.count), -1, b.values.pointer, 1, c.values.pointer, 1)
        return c
    }

    /// ‖A‖_F.
    public var frobeniusNorm: Double { cblas_dnrm2(blasint(values.count), values.pointer, 1) }

    /// The diagonal, min(rows, columns) long.
    public var diagonal: [Double] { (0..<min(rows, columns)).map { self[$0, $0] } }

    /// Whether no element is NaN or infinite.
    public var isFinite: Bool {
        let p = values.pointer
        // A NaN or an infinity anywhere makes this sum NaN: 0·∞ is NaN.
        var sum = 0.0
        for i in 0..<values.count { sum += p[i] * 0 }
        return sum == 0
    }
}
