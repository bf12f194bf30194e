/// Nonblocking operations under way, in the order in which they were begun.
///
/// They may finish in any order. A queue that is dropped while some are unfinished traps with a name; on a
/// path that gives up because of another error call `abandonAll()`, or use `withRequests`, which does.
public struct RequestQueue: ~Copyable {
    private var operations: [PendingOperation] = []

    /// An empty queue.
    public init() {}

    /// Number of operations not known to have finished.
    public var count: Int { operations.count }

    /// Whether all operations are known to have finished.
    public var isEmpty: Bool { operations.isEmpty }

    /// The names of the operations not known to have finished, oldest first.
    public var names: [String] { operations.map(\.name) }

    /// Takes over a request.
    public mutating func add(_ request: consuming Request) {
        operations.append(request.operation)
    }

    /// Lets MPI make progress and drops what has finished; returns whether nothing is left.
    ///
    /// - Throws: `MPIError`, after which all operations are abandoned.
    @discardableResult
    public mutating func progress() throws(MPIError) -> Bool {
        do {
            var unfinished: [PendingOperation] = []
            for operation in operations where try !operation.test() { unfinished.append(operation) }
            operations = unfinished
            return operations.isEmpty
        } catch {
            abandonAll()
            throw error
        }
    }

    /// Returns once all operations have finished.
    ///
    /// - Throws: `MPIError`, after which all are abandoned.
    public mutating func waitAll() throws(MPIError) {
        do {
            for operation in operations { try operation.wait() }
            operations.removeAll(keepingCapacity: true)
        } catch {
            abandonAll()
            throw error
        }
    }

    /// Gives up on all operations, before the job is ended because of another error: their buffers are
    /// leaked, for MPI may still write to them.
    public mutating func abandonAll() {
        for operation in operations { operation.abandon() }
        operations = []
    }
}

/// Runs `body` with a queue; waits for what is in it when `body` returns, abandons it when `body` throws.
///
/// - Throws: what `body` throws, and `MPIError` from waiting.
public func withRequests<Result: ~Copyable>(
    _ body: (inout RequestQueue) throws -> Result
) throws -> Result {
    var queue = RequestQueue()
    do {
        let result = try body(&queue)
        try queue.waitAll()
        return result
    } catch {
        queue.abandonAll()
        throw error
    }
}

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
