import Synchronization

/// Adds up the seconds that some work takes, on the clock given.
public final class Stopwatch: Sendable {
    private let now: @Sendable () -> Double
    private let total = Mutex(0.0)

    public init(_ now: @escaping @Sendable () -> Double) { self.now = now }

    /// Runs `body` on the clock.
    ///
    /// - Throws: what it throws.
    public func time<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        let start = now()
        defer { total.withLock { $0 += now() - start } }
        return try body()
    }

    /// Seconds since the last call.
    public func take() -> Double {
        total.withLock { total in
            defer { total = 0 }
            return total
        }
    }
}
