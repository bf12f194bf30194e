import Kernels

// M = B L rows, D width; H query heads on G key/value heads of width d.

/// Attention of a layer in one pass, from the norm's output to the residual branch: full, at levels, or a kernel's.
package protocol AttentionSublayer: Sendable {
    /// branch = attention(x) without the output's bias, both [M, D]; fills `kept`.
    func forward(_ x: Matrix, _ kept: KeptAttention, into branch: Matrix, _ pass: AttentionPass)

    /// dx = ∂L/∂x given dbranch, all [M, D], after `forward` with the same `kept`; gradients of parameters, or of what they
    /// were folded into, are added to.
    func backward(
        _ dbranch: Matrix, x: Matrix, _ kept: KeptAttention, _ scratch: AttentionScratch, dx: Matrix, _ pass: AttentionPass)

    /// branch = attention(x) without the output's bias, of one row each of some sequences; x, branch: [rows, D].
    ///
    /// - Parameters:
    ///   - places: The rows'. What `cache` holds of the positions before is read, and these rows are added.
    ///   - row: Scratch.
    func advance(
        _ x: Matrix, at places: [CachePlace], _ cache: AttentionCache, _ row: AttentionRow, into branch: Matrix,
        _ pass: AttentionPass)

    /// The cache of a sequence holds what `advance` would leave there of the rows that `forward` has run on.
    ///
    /// - Parameters:
    ///   - sequence: Its number in `cache`. The pass's batch was that sequence alone, from its first position on.
    ///   - kept: What `forward` filled.
    ///   - row: Scratch.
    func fill(
        _ cache: AttentionCache, sequence: Int, from kept: KeptAttention, _ row: AttentionRow, _ pass: AttentionPass)

    /// Bytes of a cache for `sequences` sequences of at most `length` positions.
    func bytes(sequences: Int, length: Int) -> Int

    /// FLOPs that `forward` executes on `batch`: projections, scores and values, as `FlopCounter` counts them.
    func flops(_ batch: MicroBatch) -> Int

    /// The levels it runs at; nil where none are named.
    var levels: SegmentLevels? { get }
}

extension AttentionSublayer {
    package var levels: SegmentLevels? { nil }
}

/// Where and on what a sublayer runs.
package struct AttentionPass: Sendable {
    /// The layer's number in the model.
    let layer: Int
    let batch: MicroBatch
    let dropout: Dropout?
    /// What is dropped of the inputs of the maps' adapters.
    let adapterDropout: AdapterDropout?
    let team: Team
    /// Sees what full attention gave, in its backward pass.
    let observer: AttentionObserver?

    package init(
        layer: Int, batch: MicroBatch, dropout: Dropout? = nil, team: Team, observer: AttentionObserver? = nil
    ) {
        self.layer = layer
        self.batch = batch
        self.dropout = dropout?.ofModel
        adapterDropout = AdapterDropout(dropout, layer: layer, batch: batch)
        self.team = team
        self.observer = observer
    }
}

/// What attention's forward pass leaves for its backward pass.
package struct KeptAttention: Sendable {
    /// [M, (H + 2 G) d] queries, keys and values, as the sublayer lays them out.
    package let qkv: Buffer<Float>
    /// [M, H d] heads' outputs, before their map.
    package let attended: Buffer<Float>
    /// [B, H, L] log-sum-exp of each row of scores, or what a kernel keeps in its place.
    package let lse: Buffer<Float>

    package init(_ shape: AttentionShape, rows: Int) {
        self.init(
            qkv: Buffer(uninitialized: rows * shape.columns), attended: Buffer(uninitialized: rows * shape.width),
            lse: Buffer(uninitialized: rows * shape.heads))
    }

    init(qkv: Buffer<Float>, attended: Buffer<Float>, lse: Buffer<Float>) {
        self.qkv = qkv
        self.attended = attended
        self.lse = lse
    }
}

/// Memory of a backward pass.
package struct AttentionScratch: Sendable {
    /// [M, H d].
    let dattended: Buffer<Float>
    /// [M, (H + 2 G) d].
    let dqkv: Buffer<Float>
    /// [B, H, L].
    let delta: Buffer<Float>

    package init(dattended: Buffer<Float>, dqkv: Buffer<Float>, delta: Buffer<Float>) {
        self.dattended = dattended
        self.dqkv = dqkv
        self.delta = delta
    }
}
