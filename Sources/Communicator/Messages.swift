import CMPI
import Kernels

extension Communicator {
    /// Sends the elements to another rank, which receives as many with the same tag.
    ///
    /// Returns when the buffer may be written again; that may be only after the receiver has begun to
    /// receive.
    ///
    /// - Throws: `MPIError`.
    public func send<Element: MPIElement>(
        _ buffer: Buffer<Element>, to destination: Int, tag: Int
    ) throws(MPIError) {
        let site = try enter("send to rank \(destination), tag \(tag)")
        try require(rank: destination, .rank, site)
        try require(tag: tag, site)
        for piece in messagePieces(of: buffer.count, Element.self) {
            try site.check(
                MPI_Send(
                    buffer.pointer + piece.lowerBound, Int32(piece.count), Element.datatype.handle,
                    Int32(destination), Int32(tag), handle))
        }
    }

    /// Waits for the message that `source` sent with `tag` and writes it to `buffer`.
    ///
    /// (Open MPI 4.1 cuts too long a message from a rank to itself without an error.)
    ///
    /// - Throws: `MPIError`, also when the message is longer or shorter than the buffer.
    public func receive<Element: MPIElement>(
        into buffer: Buffer<Element>, from source: Int, tag: Int
    ) throws(MPIError) {
        let site = try enter("receive from rank \(source), tag \(tag)")
        try require(rank: source, .rank, site)
        try require(tag: tag, site)
        for piece in messagePieces(of: buffer.count, Element.self) {
            var status = MPI_Status()
            try site.check(
                MPI_Recv(
                    buffer.pointer + piece.lowerBound, Int32(piece.count), Element.datatype.handle,
                    Int32(source), Int32(tag), handle, &status))
            try ExpectedMessage(count: piece.count, of: Element.self).check(&status, site)
        }
    }
}

/// What a receive must bring.
struct ExpectedMessage {
    private let count: Int
    private let datatype: MPIDatatype

    init<Element: MPIElement>(count: Int, of _: Element.Type) {
        self.count = count
        datatype = Element.datatype
    }

    /// - Throws: `MPIError` unless the message that `status` tells of had the expected length.
    func check(_ status: inout MPI_Status, _ site: CallSite) throws(MPIError) {
        var arrived: Int32 = 0
        try site.check(MPI_Get_count(&status, datatype.handle, &arrived))
        guard Int(arrived) == count else {
            let found = arrived == MPI_UNDEFINED ? "part of an element" : "\(arrived) elements"
            throw site.error(
                .count, "the message brought \(found) where \(count) were expected; send that many")
        }
    }
}
