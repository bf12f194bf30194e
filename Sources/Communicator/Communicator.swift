import CMPI
import Kernels

/// A group of ranks that talk to each other, apart from all other groups.
///
/// Operations called collective must be called by all ranks of the communicator, in the same order and
/// with the same lengths. Lengths, ranks, roots and tags are checked before MPI is called; every failure
/// is an `MPIError`. Communicators made by `split` and `duplicate` are freed with their last use, the
/// world never.
///
///     let session = try MPISession()
///     let pair = try session.world.split(color: session.world.rank / 2, name: "pair")
///     try pair.allreduce(gradients, .sum)  // a Buffer, in place
///     try session.finalize()
public struct Communicator: ~Copyable {
    /// What errors call it.
    public let name: String
    /// This process's number here, `0 ..< size`.
    public let rank: Int
    /// Number of ranks.
    public let size: Int
    /// Most bytes handed to MPI in one call; longer operations go in pieces.
    ///
    /// MPI counts in `Int32`, and Open MPI 4.1 overflows in large nonblocking reductions
    /// (open-mpi/ompi#9622), hence 2^30. Must be the same on all ranks; less than one element means one.
    public var pieceBytes = 1 << 30

    let handle: MPI_Comm
    let tagLimit: Int
    private let isOwned: Bool

    init(handle: MPI_Comm, isOwned: Bool, name: String, rank: Int, size: Int, tagLimit: Int) {
        self.handle = handle
        self.isOwned = isOwned
        self.name = name
        self.rank = rank
        self.size = size
        self.tagLimit = tagLimit
    }

    deinit {
        guard isOwned, Runtime.isCallable else { return }
        var freed: MPI_Comm? = handle
        do throws(MPIError) {
            try CallSite(operation: "free", communicator: name, rank: rank).check(MPI_Comm_free(&freed))
        } catch {
            report("\(error)")
        }
    }

    /// Collective: one new communicator for each colour; its ranks are ordered by `key`, then by rank here.
    ///
    /// - Throws: `MPIError`.
    public func split(color: Int, key: Int = 0, name: String) throws(MPIError) -> Communicator {
        let site = try enter("split into \(name)")
        return try made(split(color, key: key, name: name, site), site)
    }

    /// The same where some ranks belong to no colour; they give nil and get nil.
    ///
    /// - Throws: `MPIError`.
    public func split(color: Int?, key: Int = 0, name: String) throws(MPIError) -> Communicator? {
        try split(color, key: key, name: name, enter("split into \(name)"))
    }

    private func split(
        _ color: Int?, key: Int, name: String, _ site: CallSite
    ) throws(MPIError) -> Communicator? {
        guard let key = Int32(exactly: key) else {
            throw site.error(.argument, "key \(key) does not fit 32 bits")
        }
        var mpiColor = MPI_UNDEFINED
        if let color {
            guard color >= 0, let exact = Int32(exactly: color) else {
                throw site.error(.argument, "colour \(color) is outside 0...\(Int32.max)")
            }
            mpiColor = exact
        }
        var derived: MPI_Comm?
        try site.check(MPI_Comm_split(handle, mpiColor, key, &derived))
        return try adopt(derived, name: name, site)
    }

    /// Collective: the ranks that share memory with this one, i.e. those on its node.
    ///
    /// - Throws: `MPIError`.
    public func splitShared(name: String = "node") throws(MPIError) -> Communicator {
        let site = try enter("split into \(name)")
        var derived: MPI_Comm?
        try site.check(
            MPI_Comm_split_type(
                handle, Int32(MPI_COMM_TYPE_SHARED), Int32(rank), drrl_mpi_info_null(), &derived))
        return try made(adopt(derived, name: name, site), site)
    }

    /// Collective: the same ranks, with messages of their own.
    ///
    /// - Throws: `MPIError`.
    public func duplicate(name: String? = nil) throws(MPIError) -> Communicator {
        let name = name ?? "copy of \(self.name)"
        let site = try enter("duplicate into \(name)")
        var derived: MPI_Comm?
        try site.check(MPI_Comm_dup(handle, &derived))
        return try made(adopt(derived, name: name, site), site)
    }

    /// Collective: returns once all ranks have called it.
    ///
    /// - Throws: `MPIError`.
    public func barrier() throws(MPIError) {
        let site = try enter("barrier")
        try site.check(MPI_Barrier(handle))
    }

    private func made(
        _ communicator: consuming Communicator?, _ site: CallSite
    ) throws(MPIError) -> Communicator {
        guard let communicator else { throw site.error(.other, "MPI made no communicator") }
        return communicator
    }

    /// An owner for a handle MPI has just made; nil for the null handle.
    private func adopt(
        _ derived: MPI_Comm?, name: String, _ site: CallSite
    ) throws(MPIError) -> Communicator? {
        guard let derived, derived != drrl_mpi_comm_null() else { return nil }
        var rank: Int32 = 0
        var size: Int32 = 0
        try site.check(MPI_Comm_set_errhandler(derived, drrl_mpi_errors_return()))
        try site.check(MPI_Comm_rank(derived, &rank))
        try site.check(MPI_Comm_size(derived, &size))
        var communicator = Communicator(
            handle: derived, isOwned: true, name: name, rank: Int(rank), size: Int(size),
            tagLimit: tagLimit)
        communicator.pieceBytes = pieceBytes
        return communicator
    }
}

// What every operation checks before MPI is called.
extension Communicator {
    /// Begins an operation.
    ///
    /// - Throws: `MPIError` unless MPI may be called.
    func enter(_ operation: String) throws(MPIError) -> CallSite {
        let site = CallSite(operation: operation, communicator: name, rank: rank)
        try site.requireActive()
        return site
    }

    func require(rank other: Int, _ errorClass: MPIError.Class, _ site: CallSite) throws(MPIError) {
        guard other >= 0, other < size else {
            let role = errorClass == .root ? "root" : "rank"
            throw site.error(errorClass, "\(role) \(other) is outside 0..<\(size)")
        }
    }

    func require(tag: Int, _ site: CallSite) throws(MPIError) {
        guard tag >= 0, tag <= tagLimit else {
            throw site.error(.tag, "tag \(tag) is outside 0...\(tagLimit)")
        }
    }

    /// - Throws: `MPIError` unless both have as many elements and share no memory.
    func require<Element>(
        _ send: Buffer<Element>, matches receive: Buffer<Element>, _ site: CallSite
    ) throws(MPIError) {
        guard send.count == receive.count else {
            throw site.error(
                .count,
                "send has \(send.count) elements and receive \(receive.count); give both the same count")
        }
        try require(send, apartFrom: receive, site)
    }

    /// - Throws: `MPIError` if the two share memory.
    func require<Element>(
        _ send: Buffer<Element>, apartFrom receive: Buffer<Element>, _ site: CallSite
    ) throws(MPIError) {
        let overlaps =
            send.count > 0 && receive.count > 0
            && send.pointer < receive.pointer + receive.count
            && receive.pointer < send.pointer + send.count
        guard !overlaps else {
            throw site.error(.buffer, "send and receive share memory; give separate buffers")
        }
    }
}
