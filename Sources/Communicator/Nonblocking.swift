import CMPI
import Kernels

// Open MPI moves nonblocking operations on only inside its calls: test requests between computations.
extension Communicator {
    /// Collective: begins the reduction of `send` over all ranks into `receive`, of the same count and
    /// apart from it.
    ///
    /// Never in place, which has given wrong sums (open-mpi/ompi#9385). `send` must not be written and
    /// `receive` not be touched until the request has finished. Throws `MPIError`.
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

    /// Begins to send the elements to another rank; they must not be written until the request has
    /// finished. Throws `MPIError`.
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
    /// Throws `MPIError`; a message longer or shorter than the buffer is an error of `test` or `wait`, as
    /// in `receive`.
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

    /// Collective: begins a barrier; the request finishes once all ranks have begun it. Throws `MPIError`.
    public func ibarrier(name: String) throws(MPIError) -> Request {
        let site = try enter("ibarrier '\(name)'")
        let request = PendingOperation(name: name, site, pinning: [])
        try request.start { handle in MPI_Ibarrier(self.handle, &handle) }
        return Request(request)
    }
}
