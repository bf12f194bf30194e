import CKernels
import Kernels

// B sequences, L tokens each; H query heads on G key/value heads, all of width d; T tokens a segment; r a rank.

/// Causal softmax attention in tiles, forward and backward (Dao et al. 2022, "FlashAttention"): no L×L buffer.
///
/// The queries of each segment see the first columns of keys and values, as many as their segment's level says: in a
/// basis whose columns are ordered that is attention of reduced rank, and with level d:d it is full attention. Where some
/// keys are exact (`SegmentLevels.exact`) all is packed at d columns, and the level is for the far keys alone.
public struct Attention: Sendable {
    public let shape: AttentionShape
    let instructions: InstructionSet
    let packed = PackedHeads()
    let workspaces: [Buffer<Float>]

    /// A workspace for each thread of `team`.
    ///
    /// - Parameter instructions: among those that the CPU has.
    public init(_ shape: AttentionShape, team: Team, instructions: InstructionSet = .widest) {
        precondition(InstructionSet.available.contains(instructions), "\(instructions) on this CPU")
        self.shape = shape
        self.instructions = instructions
        let d = shape.headWidth, count = max(drrl_attention_forward_work(d), drrl_attention_backward_work(d))
        workspaces = (0..<team.threads).map { _ in Buffer(uninitialized: count) }
    }

    /// H.
    var heads: Int { shape.heads }
    /// d.
    var headWidth: Int { shape.headWidth }

    /// Queries, keys and values, or their gradients.
    public struct Operands: Sendable {
        let queries, keys, values: HeadRows

        /// Queries may be packed at their segment's rank; keys and values are at full or at the largest rank.
        public init(queries: HeadRows, keys: HeadRows, values: HeadRows) {
            self.queries = queries
            self.keys = keys
            self.values = values
        }

        /// All three side by side, as a layer's first map gives them: [M, (H + 2 G) d].
        public init(qkv: Buffer<Float>, _ shape: AttentionShape) {
            func part(_ columns: Range<Int>) -> HeadRows {
                let first = columns.lowerBound
                return HeadRows(
                    qkv[first..<max(first, qkv.count)], rowStride: shape.columns, headStride: shape.headWidth)
            }
            self.init(queries: part(shape.queries), keys: part(shape.keys), values: part(shape.values))
        }
    }

    // The width of a head decides the scale at every rank: truncation approximates the same scores.
    var scale: Float { 1 / Float(headWidth).squareRoot() }

    /// out = softmax(Q Kᵀ / √d, causal) V for every sequence and query head; lse: [B, H, L] keeps each row's log-sum-exp.
    ///
    /// - Parameter positions: the queries' positions; all of them unless told.
    public func forward(
        _ operands: Operands, out: HeadRows, lse: Buffer<Float>, levels: SegmentLevels, positions: Range<Int>? = nil,
        batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        let L = batch.length, H = heads, count = batch.sequences * H
        precondition(lse.count >= batch.rows * H)
        let asked = positions ?? 0..<L
        let tiles = levels.tiles(length: L, most: Int(DRRL_ATTENTION_ROWS)).map { $0.clamped(to: asked) }
            .filter { !$0.isEmpty }
        let largest = levels.largest(at: asked, headWidth: headWidth)
        let packed = packed.pack(
            operands, length: asked.upperBound, level: largest, heads: shape.keyValueHeads, scale: scale, batch: batch,
            on: team)
        let far = (0..<batch.sequences).flatMap { b in tiles.map { FarRows(levels, sequence: b, rows: $0) } }
        team.tasks(count * tiles.count) { task, thread in
            // Longest tiles first, so that threads finish together.
            let index = tiles.count - 1 - task / count, rows = tiles[index]
            let b = task % count / H, h = task % H, first = b * L + rows.lowerBound
            let own = b * shape.keyValueHeads + shape.keyValueHead(of: h), far = far[b * tiles.count + index]
            let level = levels.packed(sequence: b, row: rows.lowerBound, headWidth: headWidth)
            let (r, rv) = (level.scoreRank, level.valueRank)
            let scores = Self.scores(of: rows) - rows.count * far.keys.count
            team.flops.product(scores, 1, r, .scores)
            team.flops.product(scores, 1, rv, .values)
            for group in far.groups {
                team.flops.product(group.count * far.keys.count, 1, group.score_rank, .scores)
                team.flops.product(group.count * far.keys.count, 1, group.value_rank, .values)
            }
            team.flops.exponentials(Self.visible(rows))
            Self.withDropout(dropout, layer: layer, head: h, sample: batch.samples[b]) { dropout in
                far.withKernels { far in
                    var tile = drrl_attention_tile(
                        queries: operands.queries.pointer(row: first, head: h, rank: r),
                        query_stride: operands.queries.rowStride, keys: packed.keys(of: own),
                        key_rank: largest.scoreRank, values: packed.values(of: own),
                        value_stride: packed.valueStride, score_rank: r, value_rank: rv, first: rows.lowerBound,
                        rows: rows.count, out: out.pointer(row: first, head: h, rank: rv), out_stride: out.rowStride,
                        lse: lse.pointer + task % count * L + rows.lowerBound, dropout: dropout, far: far)
                    drrl_attention_forward(instructions.selector, &tile, workspaces[thread].pointer)
                }
            }
        }
    }

    /// What drops the probabilities of one head and sequence, for kernels.
    static func withDropout(
        _ dropout: Dropout?, layer: Int, head: Int, sample: UInt64,
        _ body: (UnsafePointer<drrl_attention_dropout>?) -> Void
    ) {
        guard let dropout else { return body(nil) }
        let key = dropout.key(layer: layer, site: .attention, head: head)
        withUnsafePointer(to: drrl_attention_dropout(key: key, sample: sample, rate: dropout.rate)) { body($0) }
    }
}
