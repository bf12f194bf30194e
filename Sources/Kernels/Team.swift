import COpenBLAS
import Synchronization

/// The threads of one rank: the caller's, and helpers that last as long as the team and its copies.
///
/// Work is split by rows or handed out task by task; OpenBLAS itself runs on one thread, inside each piece.
/// Which thread does what never changes a result: pieces write to places of their own. Work asked for within a piece
/// runs on that piece's thread.
///
///     let team = Team(threads: 2)
///     team.gemm(x, w, into: y, .projections)  // y = x w
///     team.split(rows) { own in scale(own) }  // own: the rows of one piece
public struct Team: Sendable {
    /// Number of threads, at least 1.
    public let threads: Int
    /// What the team's products executed.
    public let flops: FlopCounter
    /// Of the products of a model's linear maps, which ask for it; other products are float32.
    public let precision: Precision
    /// Whether products are made a row at a time; see `byRow`.
    let isByRow: Bool
    private let crew: Crew?

    /// Starts the threads, which wait for work.
    ///
    /// - Parameters:
    ///   - threads: how many compute at once, the caller among them; at least 1.
    ///   - flops: counts what products execute.
    ///   - precision: the numbers that matrix products read.
    public init(threads: Int, flops: FlopCounter = FlopCounter(), precision: Precision = .float32) {
        precondition(threads >= 1, "a team of \(threads) threads")
        self.init(threads: threads, flops: flops, precision: precision, crew: threads > 1 ? Crew(threads: threads) : nil)
        openblas_set_num_threads(1)
    }

    private init(threads: Int, flops: FlopCounter, precision: Precision, crew: Crew?, isByRow: Bool = false) {
        self.threads = threads
        self.isByRow = isByRow
        self.flops = flops
        self.precision = precision
        self.crew = crew
    }

    /// The same threads for work in float32 that is counted apart.
    public func counting(on flops: FlopCounter) -> Team {
        Team(threads: threads, flops: flops, precision: .float32, crew: crew)
    }

    /// The same threads for products of few rows with large matrices: each row's numbers are the same whatever rows stand
    /// beside it, however many threads there are, and the matrix comes from memory once for all rows. In float32.
    public var byRow: Team { Team(threads: threads, flops: flops, precision: .float32, crew: crew, isByRow: true) }

    /// One thread of the team, for work that is handed out in pieces; what it executes counts as the team's.
    public var solo: Team { Team(threads: 1, flops: flops, precision: precision, crew: nil, isByRow: isByRow) }

    /// Elements of a loop that are worth a thread's while.
    private static let leastElements = 1 << 12

    /// Splits `0 ..< rows`, rows of `width` elements that cost about as much as reading them.
    public func split(_ rows: Int, of width: Int, _ body: @Sendable (Range<Int>) -> Void) {
        split(rows, grain: max(1, Self.leastElements / max(width, 1)), body)
    }

    /// Splits `0 ..< count` into one contiguous range a thread, multiples of `grain` but for the last.
    public func split(_ count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
        let grains = (count + grain - 1) / grain
        let parts = min(threads, grains)
        guard let crew, parts > 1 else {
            if count > 0 { body(0..<count) }
            return
        }
        crew.run(parts) { part in
            let first = grains * part / parts * grain
            let end = min(grains * (part + 1) / parts * grain, count)
            if first < end { body(first..<end) }
        }
    }

    /// Runs tasks `0 ..< count`, each once, on whichever thread is free; `body` also gets the thread's number.
    public func tasks(_ count: Int, _ body: @Sendable (_ task: Int, _ thread: Int) -> Void) {
        let parts = min(threads, count)
        guard let crew, parts > 1 else {
            for task in 0..<count { body(task, 0) }
            return
        }
        let next = Atomic(0)
        crew.run(parts) { thread in
            while true {
                let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if task >= count { return }
                body(task, thread)
            }
        }
    }
}
