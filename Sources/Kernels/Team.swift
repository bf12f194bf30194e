import COpenBLAS
import Dispatch
import Synchronization

/// The threads of one rank.
///
/// Work is split by rows or handed out task by task; OpenBLAS itself runs on one thread, inside each piece.
/// Which thread does what never changes a result: pieces write to places of their own.
public struct Team: Sendable {
    /// Number of threads, at least 1.
    public let threads: Int
    /// What the team's products executed.
    public let flops: FlopCounter
    /// Of the products of linear maps.
    public let precision: Precision

    public init(threads: Int, flops: FlopCounter = FlopCounter(), precision: Precision = .float32) {
        precondition(threads >= 1, "a team of \(threads) threads")
        self.threads = threads
        self.flops = flops
        self.precision = precision
        openblas_set_num_threads(1)
    }

    /// One thread of the team, for work that is handed out in pieces; what it executes counts as the team's.
    public var solo: Team { Team(threads: 1, flops: flops, precision: precision) }

    /// Splits `0 ..< count` into one contiguous range a thread, multiples of `grain` but for the last.
    public func split(_ count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
        let grains = (count + grain - 1) / grain
        let parts = min(threads, grains)
        if parts <= 1 {
            if count > 0 { body(0..<count) }
            return
        }
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            let first = grains * part / parts * grain
            let end = min(grains * (part + 1) / parts * grain, count)
            if first < end { body(first..<end) }
        }
    }

    /// Runs tasks `0 ..< count`, each once, on whichever thread is free; `body` also gets the thread's number.
    public func tasks(_ count: Int, _ body: @Sendable (_ task: Int, _ thread: Int) -> Void) {
        let parts = min(threads, count)
        if parts <= 1 {
            for task in 0..<count { body(task, 0) }
            return
        }
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: parts) { thread in
            while true {
                let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if task >= count { return }
                body(task, thread)
            }
        }
    }
}
