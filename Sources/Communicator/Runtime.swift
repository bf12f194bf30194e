import CMPI

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
