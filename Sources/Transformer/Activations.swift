import Kernels

// M = B L rows, D width, H heads.

/// What a stage's forward pass leaves for its backward pass, for one micro-batch: 10 D floats a token and layer.
///
/// LayerNorm outputs and GELU outputs are computed again instead of kept. For inference one layer's buffers serve all.
public final class Activations {
    /// What one layer keeps.
    struct Layer: Sendable {
        /// [M, D] the residual stream before attention.
        let input: Buffer<Float>
        /// [M, 3D] queries, keys and values.
        let qkv: Buffer<Float>
        /// [M, D] heads' outputs, before their projection.
        let attended: Buffer<Float>
        /// [B, H, L] log-sum-exp of each row of scores.
        let lse: Buffer<Float>
        /// [M, D] the residual stream before the feed-forward.
        let middle: Buffer<Float>
        /// [M, F] the feed-forward's hidden layer before GELU, F = 4D in GPT-2.
        let hidden: Buffer<Float>
        /// [M] each: statistics of the two norms.
        let mean1, rstd1, mean2, rstd2: Buffer<Float>

        init(width D: Int, heads H: Int, feedForward F: Int, rows: Int) {
            func floats(_ width: Int) -> Buffer<Float> { Buffer(uninitialized: rows * width) }
            (input, qkv, attended, lse) = (floats(D), floats(3 * D), floats(D), floats(H))
            (middle, hidden) = (floats(D), floats(F))
            (mean1, rstd1, mean2, rstd2) = (floats(1), floats(1), floats(1), floats(1))
        }
    }

    let layers: [Layer]
    /// The levels at which each layer of the stage attended in its last forward pass; nil where it attended in full.
    public internal(set) var levels: [SegmentLevels?]
    /// [M, D] the residual stream after the stage's last layer.
    public let output: Buffer<Float>
    /// [M] statistics of the final norm.
    let finalMean, finalRstd: Buffer<Float>
    /// Rows it can hold.
    public let capacity: Int

    /// For micro-batches of at most `rows` rows on a stage of `layerCount` layers.
    public init(_ configuration: ModelConfiguration, layerCount: Int, rows: Int, forTraining: Bool) {
        let D = configuration.width
        capacity = rows
        func floats(_ width: Int) -> Buffer<Float> { Buffer(uninitialized: rows * width) }
        func layer() -> Layer { Layer(width: D, heads: configuration.heads, feedForward: configuration.feedForwardWidth, rows: rows) }
        if forTraining {
            layers = (0..<layerCount).map { _ in layer() }
        } else {
            layers = Array(repeating: layer(), count: layerCount)
        }
        levels = Array(repeating: nil, count: layerCount)
        // In inference a layer writes its output over its own input.
        output = forTraining ? floats(D) : layers[0].input
        finalMean = floats(1)
        finalRstd = floats(1)
    }

    /// Where layer `i`'s output goes: the next layer's input.
    func output(ofLayer i: Int) -> Buffer<Float> { i + 1 < layers.count ? layers[i + 1].input : output }
}
