/// One quantity of a trace: a row for each traced step.
public struct TraceColumn<Element: BitwiseCopyable & Sendable>: Sendable {
    /// Such as `rank`; in a checkpoint `/traces/rank`.
    public let name: String
    /// All axes, that of the rows first.
    public let axes: [String]
    /// Unit of the values.
    public let units: String
    /// Shape of a row.
    public let rowShape: [Int]
    /// Row by row.
    public var values: [Element] = []

    init(_ name: String, _ units: String, _ axes: KeyValuePairs<String, Int> = [:]) {
        self.name = name
        self.units = units
        self.axes = ["step"] + axes.map(\.key)
        rowShape = axes.map(\.value)
    }

    /// Elements of a row.
    public var rowSize: Int { rowShape.reduce(1, *) }
    var byteCount: Int { values.count * MemoryLayout<Element>.size }
}

/// What every traced step of a run decided, on the rank that saves it: N · S · 28 + 12 bytes a step.
public struct RankTrace: Sendable {
    /// N and S.
    public let layers, segments: Int
    /// The numbers of the traced steps, ascending.
    public var steps = TraceColumn<Int64>("step", "1")
    /// `rank` [N, S, 2], `reward`, `perturbation` and `logprob` [N, S], `epsilon`: as in `TraceStep`.
    public var floats: [TraceColumn<Float>]
    /// [N, S]. Sums over layers and segments exceed what float32 holds exactly.
    public var flops: TraceColumn<Double>

    /// Without a step.
    public init(layers: Int, segments: Int) {
        let (N, S) = (layers, segments)
        self.layers = N
        self.segments = S
        floats = [
            TraceColumn("rank", "1", ["layer": N, "segment": S, "score value": 2]),
            TraceColumn("reward", "1", ["layer": N, "segment": S]),
            TraceColumn("perturbation", "1", ["layer": N, "segment": S]),
            TraceColumn("logprob", "nat", ["layer": N, "segment": S]), TraceColumn("epsilon", "1"),
        ]
        flops = TraceColumn("flops", "FLOP", ["layer": N, "segment": S])
    }

    public var isEmpty: Bool { steps.values.isEmpty }

    /// Bytes of all rows.
    public var byteCount: Int { steps.byteCount + flops.byteCount + floats.reduce(0) { $0 + $1.byteCount } }

    /// Adds a row.
    public mutating func append(_ step: TraceStep) {
        precondition(step.flops.count == layers * segments, "\(step.flops.count) cells for \(layers) × \(segments)")
        steps.values.append(Int64(step.step))
        flops.values += step.flops
        let rows = [step.ranks, step.rewards, step.perturbations, step.logProbabilities, [step.epsilon]]
        for (i, row) in rows.enumerated() { floats[i].values += row }
    }
}
