import COpenBLAS

/// A view of `rows` × `columns` floats, row-major, `stride` apart from row to row; or the transpose of such a view.
///
///     let x = Matrix(Buffer<Float>(count: 12, repeating: 1), rows: 3, columns: 4)
///     let y = x.transposed.rows(1..<3)  // 2×3, the same elements
public struct Matrix: Sendable {
    let elements: Buffer<Float>
    /// Number of rows.
    public let rows: Int
    /// Number of columns.
    public let columns: Int
    /// Elements from one row's start to the next's (from one column's, in a transpose).
    public let stride: Int
    /// Whether it is the transpose of what is stored.
    public let isTransposed: Bool

    private init(elements: Buffer<Float>, rows: Int, columns: Int, stride: Int, isTransposed: Bool) {
        self.elements = elements
        self.rows = rows
        self.columns = columns
        self.stride = stride
        self.isTransposed = isTransposed
    }

    /// Views `buffer` from its first element on.
    public init(_ buffer: Buffer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
        let stride = stride ?? columns
        precondition(rows >= 0 && columns >= 0 && stride >= columns, "\(rows)×\(columns) at stride \(stride)")
        let count = rows == 0 ? 0 : (rows - 1) * stride + columns
        self.init(elements: buffer[0..<count], rows: rows, columns: columns, stride: stride, isTransposed: false)
    }

    /// The same elements as columns × rows.
    public var transposed: Matrix {
        Matrix(elements: elements, rows: columns, columns: rows, stride: stride, isTransposed: !isTransposed)
    }

    /// Rows `range`.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
        return isTransposed ? transposed.storedColumns(range).transposed : storedRows(range)
    }

    /// Columns `range`.
    public func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
        return isTransposed ? transposed.storedRows(range).transposed : storedColumns(range)
    }

    private func storedRows(_ range: Range<Int>) -> Matrix {
        let first = min(range.lowerBound * stride, elements.count)
        return Matrix(elements[first..<elements.count], rows: range.count, columns: columns, stride: stride)
    }

    private func storedColumns(_ range: Range<Int>) -> Matrix {
        let first = min(range.lowerBound, elements.count)
        return Matrix(elements[first..<elements.count], rows: rows, columns: range.count, stride: stride)
    }

    /// Every `step`-th row from the first on, of a matrix that is not a transpose.
    public func strided(by step: Int) -> Matrix {
        precondition(!isTransposed && step >= 1, "every \(step)-th row")
        return Matrix(elements, rows: (rows + step - 1) / step, columns: columns, stride: stride * step)
    }

    /// The rows `numbers`, one after the other, in new memory.
    public func gathered(_ numbers: [Int]) -> Buffer<Float> {
        let elements = Buffer<Float>(uninitialized: numbers.count * columns)
        let own = Matrix(elements, rows: numbers.count, columns: columns)
        for (i, row) in numbers.enumerated() { own.rows(i..<(i + 1)).copy(from: rows(row..<(row + 1))) }
        return elements
    }

    /// Sets every element to `value`.
    public func fill(_ value: Float) {
        for row in 0..<(isTransposed ? columns : rows) {
            (elements.pointer + row * stride).update(repeating: value, count: isTransposed ? rows : columns)
        }
    }

    /// Copies `other`, of the same shape; neither is a transpose.
    public func copy(from other: Matrix) {
        requireSameShape(other)
        guard rows > 0, columns > 0 else { return }
        cblas_somatcopy(
            CblasRowMajor, CblasNoTrans, blasint(rows), blasint(columns), 1, other.pointer, blasint(other.stride), pointer,
            blasint(stride))
    }

    /// The same elements in memory of their own.
    public func copied() -> Matrix {
        if isTransposed { return transposed.copied().transposed }
        let own = Matrix(Buffer(uninitialized: rows * columns), rows: rows, columns: columns)
        own.copy(from: self)
        return own
    }

    /// Adds `other`, of the same shape; neither is a transpose.
    public func add(_ other: Matrix) {
        requireSameShape(other)
        guard rows > 0, columns > 0 else { return }
        cblas_sgeadd(
            CblasRowMajor, blasint(rows), blasint(columns), 1, other.pointer, blasint(other.stride), 1, pointer,
            blasint(stride))
    }

    private func requireSameShape(_ other: Matrix) {
        precondition(
            !isTransposed && !other.isTransposed && rows == other.rows && columns == other.columns,
            "\(other.rows)×\(other.columns) for \(rows)×\(columns)")
    }

    /// The first element's address, for kernels.
    public var pointer: UnsafeMutablePointer<Float> { elements.pointer }

    var operation: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }
    /// Where row `i` (or column `i`) of the matrix as it enters the product begins.
    func offset(row i: Int) -> Int { isTransposed ? i : i * stride }
    func offset(column i: Int) -> Int { isTransposed ? i * stride : i }
}
