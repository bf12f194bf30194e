import Kernels
import Synchronization
import Testing

@Suite struct TeamTests {
    static let counts = [0, 1, 2, 7, 64, 65, 127, 1000]

    @Test(arguments: [1, 2, 3, 5], counts)
    func splitCoversEachIndexOnceInGrains(threads: Int, count: Int) {
        for grain in [1, 3, 16, 64] {
            let visits = Visits(count)
            let pieces = Mutex<[Range<Int>]>([])
            Team(threads: threads).split(count, grain: grain) { range in
                for i in range { visits.add(i) }
                pieces.withLock { $0.append(range) }
            }
            #expect(visits.all == [Int](repeating: 1, count: count), "grain \(grain)")
            let ranges = pieces.withLock { $0 }
            #expect(ranges.count <= threads)
            for range in ranges {
                #expect(!range.isEmpty && range.lowerBound % grain == 0)
                #expect(range.upperBound == count || range.upperBound % grain == 0)
            }
        }
    }

    @Test(arguments: [1, 2, 3, 5], counts)
    func tasksRunOnceEach(threads: Int, count: Int) {
        let visits = Visits(count)
        let highest = Atomic(-1)
        Team(threads: threads).tasks(count) { task, thread in
            visits.add(task)
            highest.max(thread, ordering: .relaxed)
        }
        #expect(visits.all == [Int](repeating: 1, count: count))
        #expect(highest.load(ordering: .relaxed) < threads)
    }

    /// A workspace belongs to one thread number: two bodies never run under the same number at once.
    @Test func threadNumbersAreExclusive() {
        let busy = Visits(4)
        let clashes = Atomic(0)
        Team(threads: 4).tasks(2000) { _, thread in
            if busy.add(thread) != 0 { clashes.wrappingAdd(1, ordering: .relaxed) }
            busy.subtract(thread)
        }
        #expect(clashes.load(ordering: .relaxed) == 0)
    }

    @Test func aTeamWithoutThreadsIsRefused() async {
        await #expect(processExitsWith: .failure) { _ = Team(threads: 0) }
    }

    @Test func theMeasuredRateIsOperationsOverTime() {
        // A clock that says each product took a quarter of a second.
        let clock = Mutex(0.0)
        let rate = Team(threads: 2).measureSGEMM {
            clock.withLock { now in
                defer { now += 0.25 }
                return now
            }
        }
        #expect(rate == 2 * 2 * 1024 * 1024 * 1024 / 0.25)
    }
}

/// How often each index was met, counted from any thread.
private final class Visits: Sendable {
    private let counts: Mutex<[Int]>

    init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }

    /// Counts `i` and returns its count before.
    @discardableResult
    func add(_ i: Int) -> Int {
        counts.withLock {
            $0[i] += 1
            return $0[i] - 1
        }
    }

    func subtract(_ i: Int) { counts.withLock { $0[i] -= 1 } }

    var all: [Int] { counts.withLock { $0 } }
}
