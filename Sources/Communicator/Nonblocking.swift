import CMPI
import Kernels

// Open MPI moves nonblocking operations on only inside its calls: test requests between computations.
extension Communicator {
    /// Collective: begins the reduction of `send` over all ranks into `receive`, of the same count and
    /// apart from it.
    ///
    /// Never in place, which has given wrong sums (open-mpi/ompi#9385). `send` must not be written and
    /// `receive` not be touched until the request has finished.
    ///
    /// - Throws: `MPIError`.
    public func iallreduce<Element: MPIElement>(
        _ send: Buffer<Element>, into receive: Buffer<Element>, _ operation: ReductionOperation,
        name: String
    ) throws(MPIError) -> Request {
        let site = try enter("iallreduce '\(name)'")
        try require(send, matches: receive, site)
        let request = PendingOperation(name: name, site, pinning: [send, receive])
        for piece in pieces(of: send.count, Element.self) {
            try request.start { handle in
                MPI_Iallreduce(
                    send.pointer + piece.lowerBound, receive.pointer + piece.lowerBound,
                    Int32(piece.count), Element.datatype.handle, operation.handle, self.handle, &handle)
            }
        }
        return Request(request)
    }

    /// Collective: begins to bring the elements of all ranks, in the order of ranks, to every rank.
    ///
    /// - Parameters:
    ///   - send: [n], the same n on all ranks; it must not be written until the request has finished.
    ///   - receive: [size × n], at most 2³¹ − 1 elements, apart from `send`; not to be touched until then.
    /// - Throws: `MPIError`.
    public func iallgather<Element: MPIElement>(
        _ send: Buffer<Element>, into receive: Buffer<Element>, name: String
    ) throws(MPIError) -> Request {
        let site = try enter("iallgather '\(name)'")
        guard receive.count == size * send.count, receive.count <= Int(Int32.max) else {
            throw site.error(
                .count,
                "receive has \(receive.count) elements; \(size) ranks of \(send.count) need \(size * send.count), at most "
                    + "\(Int32.max)")
        }
        try require(send, apartFrom: receive, site)
        // MPI reads a piece's lengths and starts until it has finished.
        let pieces = Pieces(of: send.count, limit: pieceLimit(Element.self) / size).map { range in
            (range: range, lengths: Buffer(count: size, repeating: Int32(range.count)),
             starts: Buffer((0..<size).map { Int32($0 * send.count + range.lowerBound) }))
        }
        let request = PendingOperation(name: name, site, pinning: [send, receive] + pieces.flatMap { [$0.lengths, $0.starts] })
        for piece in pieces {
            try request.start { handle in
                MPI_Iallgatherv(
                    send.pointer + piece.range.lowerBound, Int32(piece.range.count), Element.datatype.handle,
                    receive.pointer, piece.lengths.pointer, piece.starts.pointer, Element.datatype.handle, self.handle,
                    &handle)
            }
        }
        return Request(request)
    }

    /// Begins to send the elements to another rank; they must not be written until the request has
    /// finished.
    ///
    /// - Throws: `MPIError`.
    public func isend<Element: MPIElement>(
        _ buffer: Buffer<Element>, to destination: Int, tag: Int, name: String
    ) throws(MPIError) -> Request {
        let site = try enter("isend '\(name)' to rank \(destination), tag \(tag)")
        try require(rank: destination, .rank, site)
        try require(tag: tag, site)
        let request = PendingOperation(name: name, site, pinning: [buffer])
        for piece in messagePieces(of: buffer.count, Element.self) {
            try request.start { handle in
                MPI_Isend(
                    buffer.pointer + piece.lowerBound, Int32(piece.count), Element.datatype.handle,
                    Int32(destination), Int32(tag), self.handle, &handle)
            }
        }
        return Request(request)
    }

    /// Begins to receive the message that `source` sends with `tag`; the buffer must not be touched until
    /// the request has finished.
    ///
    /// - Throws: `MPIError`; a message longer or shorter than the buffer is an error of `test` or `wait`, as in `receive`.
    public func ireceive<Element: MPIElement>(
        into buffer: Buffer<Element>, from source: Int, tag: Int, name: String
    ) throws(MPIError) -> Request {
        let site = try enter("ireceive '\(name)' from rank \(source), tag \(tag)")
        try require(rank: source, .rank, site)
        try require(tag: tag, site)
        let request = PendingOperation(name: name, site, pinning: [buffer])
        for piece in messagePieces(of: buffer.count, Element.self) {
            let message = ExpectedMessage(count: piece.count, of: Element.self)
            try request.start(expecting: message) { handle in
                MPI_Irecv(
                    buffer.pointer + piece.lowerBound, Int32(piece.count), Element.datatype.handle,
                    Int32(source), Int32(tag), self.handle, &handle)
            }
        }
        return Request(request)
    }

    /// Collective: begins a barrier; the request finishes once all ranks have begun it.
    ///
    /// - Throws: `MPIError`.
    public func ibarrier(name: String) throws(MPIError) -> Request {
        let site = try enter("ibarrier '\(name)'")
        let request = PendingOperation(name: name, site, pinning: [])
        try request.start { handle in MPI_Ibarrier(self.handle, &handle) }
        return Request(request)
    }
}
