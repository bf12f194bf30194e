import CMPI
import Kernels

extension Communicator {
    /// Collective: copies `root`'s elements to all ranks, whose buffers have the same count.
    ///
    /// - Throws: `MPIError`.
    public func broadcast<Element: MPIElement>(
        _ buffer: Buffer<Element>, root: Int
    ) throws(MPIError) {
        try broadcast(buffer.pointer, buffer.count, root: root)
    }

    /// Collective: `root`'s value.
    ///
    /// - Throws: `MPIError`.
    public func broadcast<Element: MPIElement>(
        _ value: Element, root: Int
    ) throws(MPIError) -> Element {
        var result = value
        try broadcast(&result, 1, root: root)
        return result
    }

    /// Collective: `root`'s array, whatever its length; what other ranks pass is ignored.
    ///
    /// - Throws: `MPIError`.
    public func broadcast<Element: MPIElement>(
        _ values: [Element], root: Int
    ) throws(MPIError) -> [Element] {
        let count = try Int(broadcast(Int64(values.count), root: root))
        let buffer = rank == root ? Buffer(values) : Buffer<Element>(uninitialized: count)
        try broadcast(buffer, root: root)
        return buffer.array
    }

    /// Collective: `root`'s text, whatever its length; what other ranks pass is ignored.
    ///
    /// - Throws: `MPIError`.
    public func broadcast(_ text: String, root: Int) throws(MPIError) -> String {
        String(decoding: try broadcast(Array(text.utf8), root: root), as: UTF8.self)
    }

    private func broadcast<Element: MPIElement>(
        _ elements: UnsafeMutablePointer<Element>, _ count: Int, root: Int
    ) throws(MPIError) {
        let site = try enter("broadcast")
        try require(rank: root, .root, site)
        for piece in pieces(of: count, Element.self) {
            try site.check(
                MPI_Bcast(
                    elements + piece.lowerBound, Int32(piece.count), Element.datatype.handle,
                    Int32(root), handle))
        }
    }
}
