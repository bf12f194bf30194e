import Kernels

/// Where the rows of every head lie in an activation: [rows, H × something].
public struct HeadRows: Sendable {
    let buffer: Buffer<Float>
    /// Elements from a row to the next.
    let rowStride: Int
    /// Elements from a head to the next; nil where heads stand side by side at their segment's rank.
    let headStride: Int?

    /// - Parameter headStride: elements from a head to the next, or nil where the rows of a segment at rank r hold the
    ///   heads r elements apart.
    public init(_ buffer: Buffer<Float>, rowStride: Int, headStride: Int?) {
        self.buffer = buffer
        self.rowStride = rowStride
        self.headStride = headStride
    }

    @inline(__always)
    private func offset(row: Int, head: Int, rank: Int) -> Int { row * rowStride + head * (headStride ?? rank) }

    /// Row `row` of head `head`, of a segment at `rank`.
    @inline(__always)
    func pointer(row: Int, head: Int, rank: Int) -> UnsafeMutablePointer<Float> {
        buffer.pointer + offset(row: row, head: head, rank: rank)
    }

    /// The `rank` elements there.
    func slice(row: Int, head: Int, rank: Int) -> Buffer<Float> {
        let first = offset(row: row, head: head, rank: rank)
        return buffer[first..<(first + rank)]
    }
}
