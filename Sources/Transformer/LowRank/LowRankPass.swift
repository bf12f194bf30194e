import Kernels

/// What a layer's attention reads: the norm's output and the weights that make queries, keys and values of it.
public struct AttentionInput: Sendable {
    /// The layer's number in the model.
    public let layer: Int
    /// [M, D].
    public let x: Matrix
    /// [D, 3D].
    public let weight: Matrix
    /// [3D].
    public let bias: Buffer<Float>

    package init(layer: Int, x: Matrix, weight: Matrix, bias: Buffer<Float>) {
        self.layer = layer
        self.x = x
        self.weight = weight
        self.bias = bias
    }
}

/// The levels of a layer and micro-batch, and who wants to know what came of them.
public struct ChosenLevels: Sendable {
    public let levels: SegmentLevels
    /// Sees what attention gave at these levels in the forward pass; not where bases are refined.
    let review: (@Sendable (AttentionOutput) -> Void)?

    public init(_ levels: SegmentLevels, review: (@Sendable (AttentionOutput) -> Void)? = nil) {
        self.levels = levels
        self.review = review
    }
}

/// Attention below full rank on one stage: the folded weights of its layers, who names the levels, and who watches.
public struct LowRankPass: Sendable {
    /// Names the levels of a layer, given what its attention reads and the micro-batch; nil for full attention. For a
    /// segment's level it must look at earlier segments only.
    public typealias Choice = @Sendable (AttentionInput, MicroBatch) -> ChosenLevels?
    /// Sees each layer's attention input in the forward pass; for statistics that later steps use.
    public typealias Observer = @Sendable (AttentionInput, MicroBatch) -> Void

    /// One for each of the stage's layers; none where attention stays full.
    package let layers: [FoldedAttention]
    package let levels: Choice
    package let observe: Observer?
    /// In inference; nil where the bases of `layers` hold for all rows.
    let refine: Refinement?

    public init(
        layers: [FoldedAttention], observe: Observer? = nil, refine: Refinement? = nil, levels: @escaping Choice
    ) {
        self.layers = layers
        self.observe = observe
        self.refine = refine
        self.levels = levels
    }
}
