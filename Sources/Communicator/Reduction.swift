import CMPI
import Kernels

extension Communicator {
    /// Collective: replaces each element by its reduction over all ranks.
    ///
    /// - Throws: `MPIError`.
    public func allreduce<Element: MPIElement>(
        _ buffer: Buffer<Element>, _ operation: ReductionOperation
    ) throws(MPIError) {
        try allreduce(buffer.pointer, buffer.count, operation, enter("allreduce"))
    }

    /// Collective: writes the reduction of `send` over all ranks to `receive`, of the same count and
    /// apart from it.
    ///
    /// - Throws: `MPIError`.
    public func allreduce<Element: MPIElement>(
        _ send: Buffer<Element>, into receive: Buffer<Element>, _ operation: ReductionOperation
    ) throws(MPIError) {
        let site = try enter("allreduce")
        try require(send, matches: receive, site)
        for piece in pieces(of: send.count, Element.self) {
            try site.check(
                MPI_Allreduce(
                    send.pointer + piece.lowerBound, receive.pointer + piece.lowerBound,
                    Int32(piece.count), Element.datatype.handle, operation.handle, handle))
        }
    }

    /// Collective: the reduction of `value` over all ranks.
    ///
    /// - Throws: `MPIError`.
    public func allreduce<Element: MPIElement>(
        _ value: Element, _ operation: ReductionOperation
    ) throws(MPIError) -> Element {
        var result = value
        try allreduce(&result, 1, operation, enter("allreduce"))
        return result
    }

    /// Collective: the element-wise reduction of `values` over all ranks.
    ///
    /// Compares the counts of all ranks first, at the price of another small reduction; where they
    /// differ, every rank throws.
    ///
    /// - Throws: `MPIError`.
    public func allreduce<Element: MPIElement>(
        _ values: [Element], _ operation: ReductionOperation
    ) throws(MPIError) -> [Element] {
        let site = try enter("allreduce")
        let extremes = Buffer<Int64>([Int64(values.count), -Int64(values.count)])
        try allreduce(extremes.pointer, 2, .max, site)
        guard extremes[0] == -extremes[1] else {
            throw site.error(
                .count,
                "this rank has \(values.count) elements, the others \(-extremes[1]) to \(extremes[0]); "
                    + "give all the same count")
        }
        let result = Buffer(values)
        try allreduce(result.pointer, result.count, operation, site)
        return result.array
    }

    /// Collective: replaces each element on `root` by its reduction over all ranks; the others keep theirs.
    ///
    /// - Throws: `MPIError`.
    public func reduce<Element: MPIElement>(
        _ buffer: Buffer<Element>, _ operation: ReductionOperation, root: Int
    ) throws(MPIError) {
        try reduce(buffer.pointer, buffer.count, operation, root: root)
    }

    /// Collective: the reduction of `value` over all ranks, on `root`; nil elsewhere.
    ///
    /// - Throws: `MPIError`.
    public func reduce<Element: MPIElement>(
        _ value: Element, _ operation: ReductionOperation, root: Int
    ) throws(MPIError) -> Element? {
        var result = value
        try reduce(&result, 1, operation, root: root)
        return rank == root ? result : nil
    }

    private func allreduce<Element: MPIElement>(
        _ elements: UnsafeMutablePointer<Element>, _ count: Int, _ operation: ReductionOperation,
        _ site: CallSite
    ) throws(MPIError) {
        for piece in pieces(of: count, Element.self) {
            try site.check(
                MPI_Allreduce(
                    drrl_mpi_in_place(), elements + piece.lowerBound, Int32(piece.count),
                    Element.datatype.handle, operation.handle, handle))
        }
    }

    private func reduce<Element: MPIElement>(
        _ elements: UnsafeMutablePointer<Element>, _ count: Int, _ operation: ReductionOperation,
        root: Int
    ) throws(MPIError) {
        let site = try enter("reduce")
        try require(rank: root, .root, site)
        for piece in pieces(of: count, Element.self) {
            let start = elements + piece.lowerBound
            // MPI takes "in place" from the root alone.
            let isRoot = rank == root
            try site.check(
                MPI_Reduce(
                    isRoot ? drrl_mpi_in_place() : UnsafeMutableRawPointer(start),
                    isRoot ? start : nil, Int32(piece.count), Element.datatype.handle,
                    operation.handle, Int32(root), handle))
        }
    }
}
