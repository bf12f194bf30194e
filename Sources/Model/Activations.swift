import Kernels

// M = B L rows, D width, C columns of the feed-forward's first map; attention's shape H, G, d.

/// What a stage's forward pass leaves for its backward pass, for one micro-batch.
///
/// Norms' outputs and the feed-forward's activations are computed again instead of kept. For inference one layer's buffers
/// serve all.
public final class Activations {
    /// What one layer keeps.
    struct Layer: Sendable {
        /// [M, D] the residual stream before attention.
        let input: Buffer<Float>
        let attention: KeptAttention
        /// [M, D] the residual stream before the feed-forward.
        let middle: Buffer<Float>
        /// [M, C] the feed-forward's hidden layer before its activation.
        let hidden: Buffer<Float>
        let norm1, norm2: Norm.Statistics

        init(_ shape: LayerShape, rows: Int) {
            input = Buffer(uninitialized: rows * shape.width)
            attention = KeptAttention(shape.attention, rows: rows)
            middle = Buffer(uninitialized: rows * shape.width)
            hidden = Buffer(uninitialized: rows * shape.activation.columns(shape.feedForwardWidth))
            norm1 = Norm.Statistics(shape.norm, rows: rows)
            norm2 = Norm.Statistics(shape.norm, rows: rows)
        }
    }

    let layers: [Layer]
    /// How each layer of the stage attended in its last forward pass.
    var attention: [(any AttentionSublayer)?]
    /// [M, D] the residual stream after the stage's last layer.
    public let output: Buffer<Float>
    let finalNorm: Norm.Statistics
    /// Rows it can hold.
    public let capacity: Int

    /// For micro-batches of at most `rows` rows on a stage of `layerCount` layers.
    public init(_ configuration: ModelConfiguration, layerCount: Int, rows: Int, forTraining: Bool) {
        let shape = configuration.layer
        capacity = rows
        layers = forTraining
            ? (0..<layerCount).map { _ in Layer(shape, rows: rows) }
            : Array(repeating: Layer(shape, rows: rows), count: layerCount)
        attention = Array(repeating: nil, count: layerCount)
        // In inference a layer writes its output over its own input.
        output = forTraining ? Buffer(uninitialized: rows * shape.width) : layers[0].input
        finalNorm = Norm.Statistics(shape.norm, rows: rows)
    }

    /// The levels at which each layer of the stage attended in its last forward pass; nil where it attended in full.
    public var levels: [SegmentLevels?] { attention.map { $0?.levels } }

    /// Where layer `i`'s output goes: the next layer's input.
    func output(ofLayer i: Int) -> Buffer<Float> { i + 1 < layers.count ? layers[i + 1].input : output }
}

extension LayerShape {
    /// Floats that a layer keeps for each token: the residual stream twice, attention, the feed-forward, and both norms.
    public var keptFloats: Int {
        2 * width + attention.columns + attention.width + attention.heads + activation.columns(feedForwardWidth)
            + (norm == .layerNorm ? 4 : 2)
    }

    /// Floats that all layers of a stage share for each token of a micro-batch in training.
    public var sharedFloats: Int {
        // Of the final norm and the stream's gradient, and what of them is on its way to other stages; packed keys and values.
        BlockScratch.floats(self, forTraining: true) + 5 * width + 2 * attention.keyValueHeads * attention.headWidth
    }
}
