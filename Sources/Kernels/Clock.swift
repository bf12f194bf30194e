import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Seconds on the monotonic clock.
public func monotonicSeconds() -> Double {
    var time = timespec()
    // Cannot fail: the clock exists on every system the package builds for.
    _ = clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Adds up the seconds that some work takes, on the clock given.
public final class Stopwatch: Sendable {
    private let now: @Sendable () -> Double
    private let total = Mutex(0.0)

    /// - Parameter now: seconds on the clock, such as `monotonicSeconds`.
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
