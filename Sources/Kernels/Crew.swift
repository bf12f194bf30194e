import CKernels
import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The threads of a team beside the caller's.
///
/// Waking a thread takes longer than most products of a small network, so these look out for work for a while before they
/// sleep. A caller never waits for one that has not begun: what nobody takes up in time it does itself.
final class Crew: Sendable {
    private let post: Post
    private let isLed = Atomic(false)

    /// Starts helpers for a team of `threads`, no more than there are cores for, and at least one. They end with the crew.
    init(threads: Int) {
        let helpers = min(threads, max(ProcessInfo.processInfo.activeProcessorCount, 2)) - 1, post = Post(helpers)
        self.post = post
        for number in 0..<helpers {
            let thread = Thread { post.serve(number) }
            thread.name = "drrl helper \(number + 1)"
            thread.start()
        }
    }

    deinit { post.close() }

    /// Runs `body` for 0 ..< `parts`, in parallel with the helpers; each number is taken up after the smaller ones. Whoever
    /// asks while the crew is at work, from within it or from another thread, gets no help.
    func run(_ parts: Int, _ body: @Sendable (Int) -> Void) {
        guard !isLed.exchange(true, ordering: .acquiring) else {
            for part in 0..<parts { body(part) }
            return
        }
        withoutActuallyEscaping(body) { post.run(parts, $0) }
        isLed.store(false, ordering: .releasing)
    }
}

/// Where a crew's work is posted and taken up.
private final class Post: @unchecked Sendable {
    /// What a job's number, its parts, and those of them that are taken up occupy: 32, 16 and 16 bits.
    private struct Ticket {
        var bits: UInt64

        var parts: Int { Int(bits >> 16 & 0xffff) }
        var taken: Int { Int(bits & 0xffff) }
        var isOpen: Bool { taken < parts }

        func next(parts: Int) -> Ticket { Ticket(bits: (bits >> 32 &+ 1) << 32 | UInt64(parts) << 16) }
    }

    /// Rounds of looking before a helper sleeps, of `pauses` each: about 0.2 ms together.
    private static let rounds = 500, pauses = 16

    private let ticket = Atomic<UInt64>(0)
    private let finished = Atomic(0)
    private let isClosed = Atomic(false)
    /// Written between jobs; read by those who have taken up a part, for whom the writer waits.
    private var body: (@Sendable (Int) -> Void)?
    private let beds: [Bed]

    /// Where a helper sleeps.
    private final class Bed: Sendable {
        let isTaken = Atomic(false)
        let bell = DispatchSemaphore(value: 0)
    }

    init(_ helpers: Int) { beds = (0..<helpers).map { _ in Bed() } }

    func run(_ parts: Int, _ body: @escaping @Sendable (Int) -> Void) {
        precondition(parts < 1 << 16, "\(parts) parts")
        self.body = body
        finished.store(0, ordering: .relaxed)
        let before = Ticket(bits: ticket.load(ordering: .relaxed))
        ticket.store(before.next(parts: parts).bits, ordering: .sequentiallyConsistent)
        wake(atMost: parts - 1)
        takePart()
        var looks = 0
        while finished.load(ordering: .acquiring) < parts {
            looks += 1
            Self.wait(looks)
        }
        self.body = nil
    }

    /// Takes up parts until none is left; whether there was one.
    @discardableResult
    private func takePart() -> Bool {
        var own = Ticket(bits: ticket.load(ordering: .acquiring)), found = false
        while own.isOpen {
            let (isOwn, now) = ticket.compareExchange(
                expected: own.bits, desired: own.bits + 1, ordering: .acquiringAndReleasing)
            guard isOwn else {
                own = Ticket(bits: now)
                continue
            }
            body?(own.taken)
            found = true
            finished.wrappingAdd(1, ordering: .releasing)
            own = Ticket(bits: ticket.load(ordering: .acquiring))
        }
        return found
    }

    /// A helper's life.
    func serve(_ number: Int) {
        let bed = beds[number]
        var looks = 0
        while !isClosed.load(ordering: .acquiring) {
            if takePart() {
                looks = 0
            } else if looks < Self.rounds {
                looks += 1
                Self.wait(looks)
            } else {
                sleep(in: bed)
                looks = 0
            }
        }
    }

    private func sleep(in bed: Bed) {
        bed.isTaken.store(true, ordering: .sequentiallyConsistent)
        let isWanted = Ticket(bits: ticket.load(ordering: .sequentiallyConsistent)).isOpen
            || isClosed.load(ordering: .sequentiallyConsistent)
        // Who took the bed away has rung, or will.
        if isWanted && bed.isTaken.exchange(false, ordering: .acquiringAndReleasing) { return }
        bed.bell.wait()
    }

    private func wake(atMost count: Int) {
        for bed in beds.prefix(count) where bed.isTaken.load(ordering: .sequentiallyConsistent) {
            if bed.isTaken.exchange(false, ordering: .acquiringAndReleasing) { bed.bell.signal() }
        }
    }

    func close() {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        wake(atMost: beds.count)
    }

    /// Between looks; others who need the core get it.
    private static func wait(_ looks: Int) {
        for _ in 0..<pauses { drrl_pause() }
        if looks % 8 == 0 { sched_yield() }
    }
}

/// Whose turn it is, among threads that must do a thing in a fixed order: 0, 1, 2, …
///
/// Waiting is busy, so what is waited for must be under way, and short.
public final class Turn: Sendable {
    private let next = Atomic(0)

    /// A counter at 0.
    public init() {}

    /// Returns once `number` turns have passed.
    public func wait(for number: Int) {
        while next.load(ordering: .acquiring) != number { sched_yield() }
    }

    /// The next one's turn.
    public func pass() { next.wrappingAdd(1, ordering: .releasing) }
}
