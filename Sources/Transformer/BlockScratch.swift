import Kernels

// M rows, D width, F hidden width of the feed-forward, C columns of its first map; attention's shape H, G, d.

/// Memory that every layer of a stage uses in turn.
struct BlockScratch: Sendable {
    /// [M, D] norm outputs, projection outputs and their gradients.
    let narrow, branch: Buffer<Float>
    /// [M, F] activations; in training with room for [M, H d] and [M, D].
    let wide: Buffer<Float>
    /// [M, C] gradients of the hidden layer, with room for [M, (H + 2 G) d].
    let wideGradient: Buffer<Float>
    /// [B, H, L].
    let delta: Buffer<Float>
    /// [M, (H + G) d] rotated queries and keys at levels; empty where positions are learnt.
    let rotated: Buffer<Float>

    init(_ shape: LayerShape, rows: Int, forTraining: Bool) {
        let widths = Self.widths(shape, forTraining: forTraining)
        func floats(_ width: Int) -> Buffer<Float> { Buffer(uninitialized: rows * width) }
        narrow = floats(widths.narrow)
        branch = floats(widths.narrow)
        wide = floats(widths.wide)
        wideGradient = floats(widths.wideGradient)
        delta = floats(widths.delta)
        rotated = floats(widths.rotated)
    }

    /// Floats for each row.
    static func floats(_ shape: LayerShape, forTraining: Bool) -> Int {
        let widths = widths(shape, forTraining: forTraining)
        return 2 * widths.narrow + widths.wide + widths.wideGradient + widths.delta + widths.rotated
    }

    private static func widths(
        _ shape: LayerShape, forTraining: Bool
    ) -> (narrow: Int, wide: Int, wideGradient: Int, delta: Int, rotated: Int) {
        let F = shape.feedForwardWidth, own = shape.attention
        return (
            shape.width, max(F, forTraining ? own.width + shape.width : 0),
            forTraining ? max(shape.activation.columns(F), own.columns) : 0, forTraining ? own.heads : 0,
            shape.rotation == nil ? 0 : own.keys.upperBound)
    }
}
