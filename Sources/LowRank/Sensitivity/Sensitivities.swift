import Kernels

// N layers, S segments of T tokens, K levels.

/// What each level loses, in nats, summed over rows looked at by layer and segment.
///
/// Layout: [N, S, 1 + K] doubles, one flat array: how many rows, and each level's sum. All of it are sums, so adding the
/// arrays of two micro-batches, or of two ranks, gives that of both.
public struct Sensitivities: Sendable {
    public let layers: Int
    public let segments: Int
    public let levels: Int
    /// T; a segment as long as the sequence leaves a mean by layer alone.
    public let segment: Int
    /// The whole, in the layout above.
    public let values: Buffer<Double>

    /// Zeros, for sequences of at most `length` tokens.
    public init(layers: Int, length: Int, segment: Int, levels: Int) {
        precondition(layers >= 1 && length >= 1 && segment >= 1 && levels >= 1)
        self.layers = layers
        segments = (length + segment - 1) / segment
        self.levels = levels
        self.segment = segment
        values = Buffer(count: layers * segments * (1 + levels), repeating: 0)
    }

    /// Adds a layer's rows.
    public func add(_ losses: EstimatedLosses, layer: Int) {
        precondition(losses.levels == levels, "losses of \(losses.levels) levels among \(levels)")
        for (i, row) in losses.rows.enumerated() {
            let place = place(layer, row.position / segment)
            values[place] += 1
            for level in 0..<levels { values[place + 1 + level] += losses[i, level] }
        }
    }

    /// Adds others of the same shape.
    public func add(_ other: Sensitivities) {
        precondition(
            (other.layers, other.segments, other.levels, other.segment) == (layers, segments, levels, segment),
            "sensitivities of another shape")
        for i in 0..<values.count { values[i] += other.values[i] }
    }

    /// Rows of a layer that were looked at, in one segment or in all.
    public func rows(layer: Int, segment: Int? = nil) -> Int {
        Int(chosen(segment).reduce(0) { $0 + values[place(layer, $1)] })
    }

    /// Nats a token that each level loses in a layer, in one segment or in all; nil where no row was looked at.
    public func means(layer: Int, segment: Int? = nil) -> [Double]? {
        let rows = chosen(segment).reduce(0) { $0 + values[place(layer, $1)] }
        guard rows > 0 else { return nil }
        return (0..<levels).map { level in chosen(segment).reduce(0) { $0 + values[place(layer, $1) + 1 + level] } / rows }
    }

    private func chosen(_ segment: Int?) -> Range<Int> { segment.map { $0..<($0 + 1) } ?? 0..<segments }

    private func place(_ layer: Int, _ segment: Int) -> Int {
        precondition(
            (0..<layers).contains(layer) && (0..<segments).contains(segment), "segment \(segment) of layer \(layer)")
        return (layer * segments + segment) * (1 + levels)
    }
}
