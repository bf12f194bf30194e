/// A nonblocking operation under way, and the owner of the buffers it uses.
///
/// It must be finished by `wait()` or by `test()` returning true, or handed to a `RequestQueue`. One that
/// is dropped before it has finished is a programming error and traps with its name. On a path that gives
/// up because of another error, call `abandon()`.
public struct Request: ~Copyable {
    let operation: PendingOperation

    init(_ operation: PendingOperation) { self.operation = operation }

    /// The name given when it was begun.
    public var name: String { operation.name }

    /// Whether it has finished; lets MPI make progress on all requests. After an error it counts as
    /// finished.
    ///
    /// - Throws: `MPIError`.
    public mutating func test() throws(MPIError) -> Bool { try operation.test() }

    /// Returns once it has finished.
    ///
    /// - Throws: `MPIError`.
    public consuming func wait() throws(MPIError) { try operation.wait() }

    /// Gives up on it, before the job is ended because of another error: its buffers are leaked, for MPI
    /// may still write to them.
    public consuming func abandon() { operation.abandon() }
}
