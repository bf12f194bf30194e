import CMPI
import Kernels

extension Communicator {
    /// Collective: the elements of all ranks, in the order of ranks, on `root`.
    ///
    /// - Parameters:
    ///   - send: [n], the same n on all ranks.
    ///   - receive: [size × n] on `root`, apart from `send`; ignored elsewhere, where nil will do.
    /// - Throws: `MPIError`.
    public func gather<Element: MPIElement>(
        _ send: Buffer<Element>, into receive: Buffer<Element>?, root: Int
    ) throws(MPIError) {
        let site = try enter("gather")
        try require(rank: root, .root, site)
        if rank == root {
            let expected = size * send.count
            guard let receive, receive.count == expected else {
                throw site.error(
                    .count,
                    "receive has \(receive?.count ?? 0) elements; \(size) ranks of \(send.count) need \(expected)")
            }
            try require(send, apartFrom: receive, site)
        }

        // All ranks' pieces together stay within the limit: that is what reaches the root in one call.
        let limit = pieceLimit(Element.self) / size
        if send.count <= limit {
            try gather(send.pointer, receive?.pointer, send.count, root: root, site)
            return
        }
        let staging = rank == root ? Buffer<Element>(uninitialized: Swift.max(1, limit) * size) : nil
        for piece in Pieces(of: send.count, limit: limit) {
            let start = send.pointer + piece.lowerBound
            try gather(start, staging?.pointer, piece.count, root: root, site)
            guard let staging, let receive else { continue }
            for source in 0..<size {
                let target = source * send.count + piece.lowerBound
                receive[target..<target + piece.count]
                    .copy(from: staging[source * piece.count..<(source + 1) * piece.count])
            }
        }
    }

    /// Collective: the values of all ranks, in the order of ranks, on `root`; nil elsewhere.
    ///
    /// - Throws: `MPIError`.
    public func gather<Element: MPIElement>(
        _ value: Element, root: Int
    ) throws(MPIError) -> [Element]? {
        let all = rank == root ? Buffer<Element>(uninitialized: size) : nil
        try gather(Buffer([value]), into: all, root: root)
        return all?.array
    }

    /// Collective: the arrays of all ranks, each of its own length, on `root`; nil elsewhere.
    ///
    /// - Throws: `MPIError`.
    public func gather<Element: MPIElement>(
        _ values: [Element], root: Int
    ) throws(MPIError) -> [[Element]]? {
        let longest = try Int(allreduce(Int64(values.count), .max))
        let counts = try gather(Int64(values.count), root: root)?.map { Int($0) }
        let site = try enter("gather")
        let limit = Swift.max(1, pieceLimit(Element.self) / size)
        let mine = Buffer(values)
        let staging = rank == root ? Buffer<Element>(uninitialized: Swift.min(limit, longest) * size) : nil
        let result = counts.map { $0.map { count in Buffer<Element>(uninitialized: count) } }

        // All ranks take part in as many rounds as the longest array needs, some of them with nothing.
        for piece in Pieces(of: longest, limit: limit) {
            let sent = piece.clamped(to: 0..<mine.count)
            let parts = counts?.map { piece.clamped(to: 0..<$0) } ?? []
            var lengths = parts.map { Int32($0.count) }
            var starts = parts.indices.map { Int32($0 * piece.count) }
            try site.check(
                MPI_Gatherv(
                    mine.pointer + sent.lowerBound, Int32(sent.count), Element.datatype.handle,
                    staging?.pointer, &lengths, &starts, Element.datatype.handle, Int32(root), handle))
            guard let staging else { continue }
            for (source, part) in parts.enumerated() {
                let start = source * piece.count
                result?[source][part].copy(from: staging[start..<start + part.count])
            }
        }
        return result?.map(\.array)
    }

    /// Collective: the texts of all ranks on `root`; nil elsewhere.
    ///
    /// - Throws: `MPIError`.
    public func gather(_ text: String, root: Int) throws(MPIError) -> [String]? {
        try gather(Array(text.utf8), root: root)?.map { String(decoding: $0, as: UTF8.self) }
    }

    private func gather<Element: MPIElement>(
        _ send: UnsafeMutablePointer<Element>, _ receive: UnsafeMutablePointer<Element>?,
        _ count: Int, root: Int, _ site: CallSite
    ) throws(MPIError) {
        try site.check(
            MPI_Gather(
                send, Int32(count), Element.datatype.handle, receive, Int32(count),
                Element.datatype.handle, Int32(root), handle))
    }
}
