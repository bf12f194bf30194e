import Kernels

/// Attention below full rank on one stage: the folded weights of its layers, and who names the levels.
public struct LowRankPass: Sendable {
    /// One for each of the stage's layers.
    let layers: [FoldedAttention]
    /// Names the levels of a layer, given its number in the model, its input [M, D] and the micro-batch; nil for full
    /// attention. For a segment's level it must look at earlier segments only.
    let levels: @Sendable (_ layer: Int, _ input: Buffer<Float>, _ batch: MicroBatch) -> SegmentLevels?

    public init(
        layers: [FoldedAttention],
        levels: @escaping @Sendable (_ layer: Int, _ input: Buffer<Float>, _ batch: MicroBatch) -> SegmentLevels?
    ) {
        self.layers = layers
        self.levels = levels
    }
}
