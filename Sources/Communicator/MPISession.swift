import CMPI

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// MPI from its initialisation to its end; one per process.
///
/// A process started without mpirun is a world of one. Calls are FUNNELED: only the thread that made
/// the session may call MPI. A process that ends without `finalize()` counts as failed, so call it on
/// success only.
public struct MPISession: ~Copyable {
    private let rank: Int
    private let size: Int
    private let tagLimit: Int

    /// Initialises MPI.
    ///
    /// - Throws: `MPIError` when it was initialised before, or offers too few threads.
    public init() throws(MPIError) {
        let site = CallSite(operation: "MPI initialisation")
        guard !Runtime.isInitialized else {
            throw site.error(.other, "MPI was initialised before; keep one MPISession per process")
        }
        let needed = Int32(MPI_THREAD_FUNNELED)
        var provided: Int32 = -1
        try site.check(MPI_Init_thread(nil, nil, needed, &provided))
        for handle in [drrl_mpi_comm_world(), drrl_mpi_comm_self()] {
            try site.check(MPI_Comm_set_errhandler(handle, drrl_mpi_errors_return()))
        }
        guard provided >= needed else {
            throw site.error(
                .other,
                "this MPI gives thread level \(provided), \(needed) (FUNNELED) is needed; use one built with threads")
        }

        let world = drrl_mpi_comm_world()
        var rank: Int32 = 0
        var size: Int32 = 0
        try site.check(MPI_Comm_rank(world, &rank))
        try site.check(MPI_Comm_size(world, &size))
        var limit: UnsafeMutablePointer<Int32>?
        var isSet: Int32 = 0
        try site.check(MPI_Comm_get_attr(world, Int32(MPI_TAG_UB), &limit, &isSet))
        guard isSet != 0, let limit else {
            throw site.error(.other, "this MPI names no greatest tag (MPI_TAG_UB)")
        }
        self.rank = Int(rank)
        self.size = Int(size)
        tagLimit = Int(limit.pointee)
    }

    /// All ranks of the job. Each access is another view of the same communicator, never freed.
    public var world: Communicator {
        Communicator(
            handle: drrl_mpi_comm_world(), isOwned: false, name: "world", rank: rank, size: size,
            tagLimit: tagLimit)
    }

    /// Ends MPI; all ranks call it, after success only and after every request has finished.
    ///
    /// Communicators still alive are left to MPI.
    ///
    /// - Throws: `MPIError`.
    public consuming func finalize() throws(MPIError) {
        let site = CallSite(operation: "MPI finalisation")
        try site.requireActive()
        try site.check(MPI_Finalize())
    }

    /// Whether MPI is initialised and not yet finalised.
    public static var isActive: Bool { Runtime.isInitialized && !Runtime.isFinalized }

    /// The MPI library's name and version; may be asked at any time.
    ///
    /// - Throws: `MPIError`.
    public static var libraryVersion: String {
        get throws(MPIError) {
            let site = CallSite(operation: "MPI library version")
            var characters = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1)
            var length: Int32 = 0
            try site.check(MPI_Get_library_version(&characters, &length))
            return string(characters, length)
        }
    }

    /// Ends all ranks of the job at once with exit status `code`, whatever they are doing.
    ///
    /// `reason` goes to standard error first, as one line that names this rank.
    public static func abort(code: Int32 = 1, reason: String? = nil) -> Never {
        if let reason {
            let line = reason.split(whereSeparator: \.isNewline).joined(separator: " ")
            report(worldRank.map { "rank \($0): \(line)" } ?? line)
        }
        if isActive {
            // Returns only when it failed; the exit below then ends at least this rank.
            _ = MPI_Abort(drrl_mpi_comm_world(), code)
        }
        exit(code)
    }

    /// This process's rank in the world, while MPI is active.
    private static var worldRank: Int32? {
        var rank: Int32 = 0
        guard isActive, MPI_Comm_rank(drrl_mpi_comm_world(), &rank) == MPI_SUCCESS else { return nil }
        return rank
    }
}

/// One line on standard error, in one write so that lines of several ranks do not mix.
func report(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    // Nothing is left to tell a failure to.
    _ = write(STDERR_FILENO, bytes, bytes.count)
}

/// What MPI itself knows of its state; asking is allowed at any time and costs a few nanoseconds.
enum Runtime {
    static var isInitialized: Bool { ask(MPI_Initialized) }
    static var isFinalized: Bool { ask(MPI_Finalized) }
    static var isMainThread: Bool { ask(MPI_Is_thread_main) }

    /// Whether MPI may be called here and now.
    static var isCallable: Bool { isInitialized && !isFinalized && isMainThread }

    private static func ask(_ question: (UnsafeMutablePointer<Int32>?) -> Int32) -> Bool {
        var answer: Int32 = 0
        // A question MPI cannot answer is taken as no, which keeps us from calling it.
        return question(&answer) == MPI_SUCCESS && answer != 0
    }
}
