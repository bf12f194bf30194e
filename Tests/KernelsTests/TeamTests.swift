import Foundation
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

    @Test func smallRowsStayTogether() {
        func pieces(_ rows: Int, of width: Int) -> Int {
            let count = Atomic(0)
            Team(threads: 3).split(rows, of: width) { _ in count.wrappingAdd(1, ordering: .relaxed) }
            return count.load(ordering: .relaxed)
        }
        #expect(pieces(8, of: 512) == 1 && pieces(16, of: 512) == 2 && pieces(1000, of: 512) == 3)
        #expect(pieces(2, of: 100_000) == 2 && pieces(0, of: 512) == 0)
    }

    @Test func workWithinWorkIsDoneOnce() {
        let team = Team(threads: 3), visits = Visits(60)
        team.tasks(6) { task, _ in
            team.split(10) { range in
                for i in range { visits.add(10 * task + i) }
            }
        }
        #expect(visits.all == [Int](repeating: 1, count: 60))
    }

    @Test func oneTeamServesManyCallers() {
        let team = Team(threads: 3), callers = 4, rounds = 500, visits = Visits(callers * 64)
        Team(threads: callers).tasks(callers) { caller, _ in
            for _ in 0..<rounds {
                team.split(64) { range in
                    for i in range { visits.add(caller * 64 + i) }
                }
            }
        }
        #expect(visits.all == [Int](repeating: rounds, count: callers * 64))
    }

    /// Each piece waits for the other to begin, first by helpers awake, then by helpers asleep.
    @Test(arguments: [0, 50_000]) func helpersTakeUpWork(microseconds: UInt32) {
        let team = Team(threads: 2)
        for _ in 0..<20 {
            usleep(microseconds)
            let begun = Atomic(0), met = Atomic(0)
            team.split(2) { _ in
                begun.wrappingAdd(1, ordering: .sequentiallyConsistent)
                // Long enough for any machine, and an end for a team that never comes.
                for _ in 0..<100_000 where begun.load(ordering: .sequentiallyConsistent) < 2 { usleep(100) }
                if begun.load(ordering: .sequentiallyConsistent) == 2 { met.wrappingAdd(1, ordering: .relaxed) }
            }
            let both = met.load(ordering: .relaxed) == 2
            #expect(both)
            if !both { return }
        }
    }

    #if os(Linux)
    /// A process of its own, where nobody else starts threads.
    @Test func helpersEndWithTheTeam() async {
        await #expect(processExitsWith: .success) {
            func threads() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count }
            let before = try threads()
            do {
                let team = Team(threads: 4), copy = team.counting(on: FlopCounter())
                copy.split(8) { _ in }
                guard try threads() > before else { exit(3) }
                team.split(8) { _ in }
            }
            for _ in 0..<100_000 where try threads() > before { usleep(100) }
            exit(try threads() > before ? 4 : 0)
        }
    }
    #endif

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
