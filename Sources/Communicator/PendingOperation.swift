import CMPI

/// A nonblocking operation under way: MPI's requests, one for each piece, and the memory they use.
///
/// A class, so that a queue can hold many; the public owners of it are noncopyable.
final class PendingOperation {
    private struct Piece {
        var request: MPI_Request?
        let message: ExpectedMessage?
    }

    let name: String
    private let site: CallSite
    private var pieces: [Piece] = []
    /// Pieces before this one have finished.
    private var next = 0
    private var isClosed = false
    /// The buffers that MPI reads and writes.
    private var pinned: [any Sendable]

    init(name: String, _ site: CallSite, pinning pinned: [any Sendable]) {
        self.name = name
        self.site = site
        self.pinned = pinned
    }

    deinit {
        if !isClosed {
            fatalError(
                "request '\(name)' was dropped unfinished (\(site.operation) on \(site.communicator ?? "no communicator"), "
                    + "rank \(site.rank ?? 0)); wait for it, or abandon it when giving up")
        }
    }

    /// Starts one more piece; after an error the whole operation is abandoned.
    func start(
        expecting message: ExpectedMessage? = nil, _ call: (inout MPI_Request?) -> Int32
    ) throws(MPIError) {
        var request: MPI_Request? = drrl_mpi_request_null()
        try abandoningOnError { () throws(MPIError) in
            try site.check(call(&request))
            pieces.append(Piece(request: request, message: message))
        }
    }

    /// Whether all pieces have finished; lets MPI make progress.
    func test() throws(MPIError) -> Bool {
        try advance { request, isFinished, status in MPI_Test(&request, &isFinished, &status) }
    }

    /// Returns once all pieces have finished.
    func wait() throws(MPIError) {
        _ = try advance { request, isFinished, status in
            isFinished = 1
            return MPI_Wait(&request, &status)
        }
    }

    /// Gives up without waiting. The buffers are leaked, for MPI may still write to them.
    func abandon() {
        guard !isClosed else { return }
        isClosed = true
        if !pinned.isEmpty { _ = Unmanaged.passRetained(self) }
    }

    private func advance(
        _ call: (inout MPI_Request?, inout Int32, inout MPI_Status) -> Int32
    ) throws(MPIError) -> Bool {
        guard !isClosed else { return true }
        return try abandoningOnError { () throws(MPIError) in
            try site.requireActive()
            while next < pieces.count {
                var isFinished: Int32 = 0
                var status = MPI_Status()
                try site.check(call(&pieces[next].request, &isFinished, &status))
                if isFinished == 0 { return false }
                try pieces[next].message?.check(&status, site)
                next += 1
            }
            isClosed = true
            pinned = []
            return true
        }
    }

    private func abandoningOnError<Result>(
        _ body: () throws(MPIError) -> Result
    ) throws(MPIError) -> Result {
        do {
            return try body()
        } catch {
            abandon()
            throw error
        }
    }
}
