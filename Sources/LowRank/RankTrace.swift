import Kernels

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

/// Means of one training step over the sequences of its batch; NaN where nothing was measured.
public struct TraceStep: Sendable {
    /// Number of the step, from 1.
    public let step: Int
    /// [N, S, 2] score rank and value rank; d:d where attention was full.
    public let ranks: [Float]
    /// [N, S] Eq. 12.
    public let rewards: [Float]
    /// [N, S] ‖A − A_r‖_F / ‖A‖_F of the heads together, by the spectra in use.
    public let perturbations: [Float]
    /// [N, S] floating-point operations of a sequence's forward pass: projections, scores and values.
    public let flops: [Double]
    /// [N, S] ln of the probability with which the level was drawn.
    public let logProbabilities: [Float]
    /// The guard's ε_t.
    public let epsilon: Float

    /// From sums over all ranks; `epsilon` is nil without a guard.
    public init(step: Int, sums: TraceSums, headWidth d: Int, epsilon: Double?) {
        let cells = (0..<sums.layers).flatMap { layer in (0..<sums.segments).map { (layer, $0) } }
        func means(_ field: TraceSums.Field, over count: TraceSums.Field = .levels) -> [Double] {
            cells.map { layer, segment in
                // Not 0 / 0, whose sign bit depends on the processor.
                let count = sums[layer, segment, count]
                return count == 0 ? .nan : sums[layer, segment, field] / count
            }
        }
        self.step = step
        ranks = zip(means(.scoreRank), means(.valueRank)).flatMap { [$0.0, $0.1] }.map {
            $0.isNaN ? Float(d) : Float($0)
        }
        rewards = means(.reward, over: .rewards).map { Float($0) }
        perturbations = means(.perturbation).map { Float($0) }
        flops = means(.flops)
        logProbabilities = means(.logProbability, over: .logProbabilities).map { Float($0) }
        self.epsilon = epsilon.map { Float($0) } ?? .nan
    }
}

/// What was decided in a step, summed over sequences: for each layer and segment a cell of `Field.allCases`.
///
/// Layout: [layers, segments, fields] doubles, one flat array. All of it are sums, so adding the arrays of two ranks gives
/// that of both ranks' sequences and layers; counts, ranks and FLOPs are whole numbers, whose sums are exact.
public struct TraceSums: Sendable {
    /// What a cell sums, in its order.
    public enum Field: Int, CaseIterable, Sendable {
        /// Sequences that ran at a level here.
        case levels
        case scoreRank, valueRank
        /// ‖A − A_r‖_F / ‖A‖_F of the heads together.
        case perturbation
        /// Floating-point operations of the forward pass.
        case flops
        /// Rewards, and how many were measured.
        case reward, rewards
        /// ln of the probabilities of the levels drawn, and how many have one.
        case logProbability, logProbabilities
    }

    public let layers: Int
    public let segments: Int
    /// The whole, in the layout above.
    public let values: Buffer<Double>

    /// Zeros.
    public init(layers: Int, segments: Int) {
        self.layers = layers
        self.segments = segments
        values = Buffer(count: layers * segments * Field.allCases.count, repeating: 0)
    }

    public subscript(layer: Int, segment: Int, field: Field) -> Double {
        get { values[index(layer, segment, field)] }
        nonmutating set { values[index(layer, segment, field)] = newValue }
    }

    private func index(_ layer: Int, _ segment: Int, _ field: Field) -> Int {
        precondition(
            (0..<layers).contains(layer) && (0..<segments).contains(segment), "segment \(segment) of layer \(layer)")
        return (layer * segments + segment) * Field.allCases.count + field.rawValue
    }

    /// Sum of a field over all cells.
    func total(_ field: Field) -> Double {
        (0..<(layers * segments)).reduce(0) { $0 + values[$1 * Field.allCases.count + field.rawValue] }
    }
}
