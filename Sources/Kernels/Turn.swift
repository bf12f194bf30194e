import Synchronization
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Whose turn it is, among threads that must do a thing in a fixed order: 0, 1, 2, …
///
/// Waiting is busy, so what is waited for must be under way, and short.
public final class Turn: Sendable {
    private let next = Atomic(0)

    public init() {}

    /// Returns once `number` turns have passed.
    public func wait(for number: Int) {
        while next.load(ordering: .acquiring) != number { sched_yield() }
    }

    /// The next one's turn.
    public func pass() { next.wrappingAdd(1, ordering: .releasing) }
}
