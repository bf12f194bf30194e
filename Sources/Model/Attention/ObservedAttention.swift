import Kernels

// M = B L rows, D width; H query heads on G key/value heads of width d.

/// Full attention of a layer in a backward pass: what it multiplied, what it gave, and that one's gradient. The memory is the
/// pass's and good during the observer's call alone.
public struct ObservedAttention: Sendable {
    /// The layer's number in the model.
    public let layer: Int
    public let batch: MicroBatch
    /// [M, D] the norm's output, which queries, keys and values are made of.
    public let x: Matrix
    /// [M, (H + 2 G) d] queries, keys and values side by side, turned where positions rotate.
    public let qkv: Buffer<Float>
    /// [M, H d] o, heads' outputs before their map.
    public let outputs: Buffer<Float>
    /// [M, H d] ∂L/∂o, L being the loss times the scale that `loss` was given.
    public let outputGradients: Buffer<Float>

    public init(
        layer: Int, batch: MicroBatch, x: Matrix, qkv: Buffer<Float>, outputs: Buffer<Float>, outputGradients: Buffer<Float>
    ) {
        self.layer = layer
        self.batch = batch
        self.x = x
        self.qkv = qkv
        self.outputs = outputs
        self.outputGradients = outputGradients
    }
}

/// Is shown layers that attend in full.
public typealias AttentionObserver = @Sendable (ObservedAttention) -> Void
