import CKernels
import COpenBLAS
import Kernels

// B sequences, L tokens each, H heads of width d, D = H d; T tokens a segment; r a rank.

/// Causal softmax attention in tiles, forward and backward (Dao et al. 2022, "FlashAttention"): no L×L buffer.
///
/// The queries of each segment see the first columns of all keys and values, as many as their segment's level says: in a
/// basis whose columns are ordered that is attention of reduced rank, and with level d:d it is full attention.
public struct Attention: Sendable {
    /// Most query rows a tile.
    static let queryTile = 128
    /// Keys a tile.
    static let keyTile = 256

    /// H.
    public let heads: Int
    /// d.
    public let headWidth: Int
    private let workspaces: [Workspace]

    /// A workspace for each thread of `team`.
    public init(heads: Int, headWidth: Int, team: Team) {
        self.heads = heads
        self.headWidth = headWidth
        workspaces = (0..<team.threads).map { _ in Workspace(headWidth: headWidth) }
    }

    /// Tiles of one thread.
    private struct Workspace: Sendable {
        let scores = Buffer<Float>(uninitialized: queryTile * keyTile)
        let gradients = Buffer<Float>(uninitialized: queryTile * keyTile)
        let out: Buffer<Float>
        let rowMax = Buffer<Float>(uninitialized: queryTile)
        let rowSum = Buffer<Float>(uninitialized: queryTile)

        init(headWidth: Int) { out = Buffer(uninitialized: queryTile * headWidth) }
    }

    /// Queries, keys and values, or their gradients.
    public struct Operands: Sendable {
        let queries, keys, values: HeadRows

        /// Queries may be packed at their segment's rank; keys and values are at full or at the largest rank.
        public init(queries: HeadRows, keys: HeadRows, values: HeadRows) {
            self.queries = queries
            self.keys = keys
            self.values = values
        }

        /// All three side by side in rows of 3 D, as GPT-2's c_attn gives them.
        public init(qkv: Buffer<Float>, width D: Int, headWidth d: Int) {
            func part(_ i: Int) -> HeadRows {
                HeadRows(qkv[(i * D)..<max(i * D, qkv.count)], rowStride: 3 * D, headStride: d)
            }
            self.init(queries: part(0), keys: part(1), values: part(2))
        }
    }

    // The width of a head decides the scale at every rank: truncation approximates the same scores.
    private var scale: Float { 1 / Float(headWidth).squareRoot() }

    /// out = softmax(Q Kᵀ / √d, causal) V for every sequence and head; lse: [B, H, L] keeps each row's log-sum-exp.
    ///
    /// - Parameter positions: the queries' positions; all of them unless told.
    public func forward(
        _ operands: Operands, out: HeadRows, lse: Buffer<Float>, levels: SegmentLevels, positions: Range<Int>? = nil,
        batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        let L = batch.length, scale = scale, heads = heads
        precondition(lse.count >= batch.rows * heads)
        let asked = positions ?? 0..<L
        let tiles = levels.tiles(length: L, most: Self.queryTile).map { $0.clamped(to: asked) }.filter { !$0.isEmpty }
        let heads2 = batch.sequences * heads
        team.tasks(heads2 * tiles.count) { task, thread in
            // Longest tiles first, so that threads finish together.
            let tile = tiles[tiles.count - 1 - task / heads2]
            let b = task % heads2 / heads, h = task % heads
            let level = levels[sequence: b, row: tile.lowerBound]
            let (r, rv) = (level.scoreRank, level.valueRank)
            let work = workspaces[thread]
            let q0 = tile.lowerBound, rows = tile.count, first = b * L
            let q = operands.queries.pointer(row: first + q0, head: h, rank: r)
            let scores = work.scores.pointer
            for i in 0..<rows {
                work.rowMax.pointer[i] = -.greatestFiniteMagnitude
                work.rowSum.pointer[i] = 0
            }
            let key = dropout?.key(layer: layer, site: .attention, head: h)
            for k0 in stride(from: 0, to: q0 + rows, by: Self.keyTile) {
                let columns = min(Self.keyTile, q0 + rows - k0)
                let k = operands.keys.pointer(row: first + k0, head: h, rank: r)
                let v = operands.values.pointer(row: first + k0, head: h, rank: rv)
                team.flops.product(rows, columns, r, .scores)
                sgemm(CblasNoTrans, CblasTrans, rows, columns, r, scale, q, operands.queries.rowStride,
                    k, operands.keys.rowStride, 0, scores, Self.keyTile)
                team.flops.exponentials(visible(rows, columns, q0 - k0 + 1))
                drrl_softmax_tile_forward(
                    scores, Self.keyTile, rows, columns, q0 - k0 + 1, work.rowMax.pointer, work.rowSum.pointer,
                    work.out.pointer, k0 == 0 ? 0 : rv)
                if let key, let dropout {
                    drrl_dropout(scores, Self.keyTile, rows, columns, key, batch.samples[b], q0, k0, dropout.rate)
                }
                team.flops.product(rows, rv, columns, .values)
                sgemm(CblasNoTrans, CblasNoTrans, rows, rv, columns, 1, scores, Self.keyTile,
                    v, operands.values.rowStride, k0 == 0 ? 0 : 1, work.out.pointer, rv)
            }
            drrl_softmax_tile_finish(
                out.pointer(row: first + q0, head: h, rank: rv), out.rowStride, lse.pointer + (b * heads + h) * L + q0,
                work.out.pointer, work.rowMax.pointer, work.rowSum.pointer, rows, rv)
        }
    }

    /// Gradients of queries, keys and values given dout = ∂L/∂out: scores are computed again from lse.
    ///
    /// Columns of keys and values beyond the largest rank of `levels` get gradient 0; delta: [B, H, L] is scratch.
    public func backward(
        _ operands: Operands, out: HeadRows, lse: Buffer<Float>, dout: HeadRows, gradients: Operands,
        delta: Buffer<Float>, levels: SegmentLevels, batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        let L = batch.length, scale = scale, heads = heads, keyTile = Self.keyTile
        precondition(lse.count >= batch.rows * heads && delta.count >= batch.rows * heads)
        let tiles = levels.tiles(length: L, most: Self.queryTile)
        let largestScore = levels.levels.map(\.scoreRank).max() ?? headWidth
        let largestValue = levels.levels.map(\.valueRank).max() ?? headWidth
        let keyRank = operands.keys.headStride ?? largestScore, valueRank = operands.values.headStride ?? largestValue
        let (ldq, ldk, ldv) = (
            operands.queries.rowStride, operands.keys.rowStride, operands.values.rowStride)
        let (lddq, lddk, lddv) = (
            gradients.queries.rowStride, gradients.keys.rowStride, gradients.values.rowStride)
        team.tasks(batch.sequences * heads) { task, thread in
            let b = task / heads, h = task % heads, first = b * L
            let work = workspaces[thread]
            let p = work.scores.pointer, dp = work.gradients.pointer
            let lse = lse.pointer + task * L, delta = delta.pointer + task * L
            let key = dropout?.key(layer: layer, site: .attention, head: h)
            for tile in tiles {
                let rv = levels[sequence: b, row: tile.lowerBound].valueRank, row = first + tile.lowerBound
                drrl_row_dot(
                    delta + tile.lowerBound, out.pointer(row: row, head: h, rank: rv), out.rowStride,
                    dout.pointer(row: row, head: h, rank: rv), dout.rowStride, tile.count, rv)
            }
            for k0 in stride(from: 0, to: L, by: keyTile) {
                let keys = min(keyTile, L - k0)
                let k = operands.keys.pointer(row: first + k0, head: h, rank: keyRank)
                let v = operands.values.pointer(row: first + k0, head: h, rank: valueRank)
                let dk = gradients.keys.pointer(row: first + k0, head: h, rank: keyRank)
                let dv = gradients.values.pointer(row: first + k0, head: h, rank: valueRank)
                clear(dk, lddk, keys, keyRank)
                clear(dv, lddv, keys, valueRank)
                for tile in tiles where tile.upperBound > k0 {
                    let level = levels[sequence: b, row: tile.lowerBound]
                    let (r, rv) = (level.scoreRank, level.valueRank)
                    let q0 = tile.lowerBound, rows = tile.count, columns = min(keys, q0 + rows - k0)
                    let q = operands.queries.pointer(row: first + q0, head: h, rank: r)
                    let dq = gradients.queries.pointer(row: first + q0, head: h, rank: r)
                    let dO = dout.pointer(row: first + q0, head: h, rank: rv)
                    team.flops.product(rows, columns, 3 * r, .scores)
                    team.flops.product(rows, columns, 2 * rv, .values)
                    team.flops.exponentials(visible(rows, columns, q0 - k0 + 1))
                    sgemm(CblasNoTrans, CblasTrans, rows, columns, r, scale, q, ldq, k, ldk, 0, p, keyTile)
                    sgemm(CblasNoTrans, CblasTrans, rows, columns, rv, 1, dO, dout.rowStride, v, ldv, 0, dp, keyTile)
                    if let key, let dropout {
                        drrl_dropout(dp, keyTile, rows, columns, key, batch.samples[b], q0, k0, dropout.rate)
                    }
                    drrl_softmax_tile_backward(
                        p, dp, keyTile, rows, columns, q0 - k0 + 1, lse + q0, delta + q0, scale)
                    if let key, let dropout {
                        drrl_dropout(p, keyTile, rows, columns, key, batch.samples[b], q0, k0, dropout.rate)
                    }
                    sgemm(CblasTrans, CblasNoTrans, columns, rv, rows, 1, p, keyTile, dO, dout.rowStride, 1, dv, lddv)
                    sgemm(CblasTrans, CblasNoTrans, columns, r, rows, 1, dp, keyTile, q, ldq, 1, dk, lddk)
                    sgemm(CblasNoTrans, CblasNoTrans, rows, r, columns, 1, dp, keyTile, k, ldk,
                        k0 == 0 ? 0 : 1, dq, lddq)
                }
            }
        }
    }
}

extension ModelConfiguration {
    /// What full attention executes on `sequences` sequences of `length`, forward and backward, in all layers:
    /// projections, and scores and values in the kernels' tiles.
    public func fullAttentionFLOPs(sequences: Int, length: Int) -> Double {
        let (projections, product) = fullAttentionParts(length: length)
        // Scores and values are a product each forward, and 3 and 2 backward.
        return Double(layers * sequences) * (3 * projections + 7 * product)
    }

    /// The forward pass's part of `fullAttentionFLOPs`.
    public func fullAttentionForwardFLOPs(sequences: Int, length: Int) -> Double {
        let (projections, product) = fullAttentionParts(length: length)
        return Double(layers * sequences) * (projections + 2 * product)
    }

    /// One sequence and layer: all projections forward, and one product of the tiles of scores with head width d.
    private func fullAttentionParts(length: Int) -> (projections: Double, product: Double) {
        var tiles = 0
        for first in stride(from: 0, to: length, by: Attention.queryTile) {
            let end = min(first + Attention.queryTile, length)
            tiles += (end - first) * end
        }
        return (Double(2 * 4 * width * width * length), Double(2 * tiles * width))
    }
}

/// Full attention over GPT-2's layout; qkv, dqkv: [B L, 3 D], out, dout: [B L, D].
extension Attention {
    /// `forward` at level d:d.
    public func forward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int,
        on team: Team
    ) {
        let D = heads * headWidth
        precondition(qkv.count >= batch.rows * 3 * D && out.count >= batch.rows * D)
        forward(
            Operands(qkv: qkv, width: D, headWidth: headWidth),
            out: HeadRows(out, rowStride: D, headStride: headWidth), lse: lse, levels: full(batch), batch: batch,
            dropout: dropout, layer: layer, on: team)
    }

    /// `backward` at level d:d.
    public func backward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, dout: Buffer<Float>, dqkv: Buffer<Float>,
        delta: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        let D = heads * headWidth
        precondition(qkv.count >= batch.rows * 3 * D && dqkv.count >= batch.rows * 3 * D)
        precondition(out.count >= batch.rows * D && dout.count >= batch.rows * D)
        backward(
            Operands(qkv: qkv, width: D, headWidth: headWidth),
            out: HeadRows(out, rowStride: D, headStride: headWidth), lse: lse,
            dout: HeadRows(dout, rowStride: D, headStride: headWidth),
            gradients: Operands(qkv: dqkv, width: D, headWidth: headWidth), delta: delta, levels: full(batch),
            batch: batch, dropout: dropout, layer: layer, on: team)
    }

    private func full(_ batch: MicroBatch) -> SegmentLevels {
        .uniform(AttentionLevel(scoreRank: headWidth, valueRank: headWidth), for: batch)
    }
}

/// Elements of a tile that are not masked, where row i sees its first `valid` + i columns.
func visible(_ rows: Int, _ columns: Int, _ valid: Int) -> Int {
    (0..<rows).reduce(0) { $0 + max(0, min(columns, valid + $1)) }
}

func clear(_ x: UnsafeMutablePointer<Float>, _ ld: Int, _ rows: Int, _ columns: Int) {
    for row in 0..<rows { (x + row * ld).update(repeating: 0, count: columns) }
}

/// SGEMM on one thread over raw tiles: C ← alpha op(A) op(B) + beta C, op(A) m×k, op(B) k×n.
@inline(__always)
func sgemm(
    _ opA: CBLAS_TRANSPOSE, _ opB: CBLAS_TRANSPOSE, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
) {
    cblas_sgemm(
        CblasRowMajor, opA, opB, blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta,
        c, blasint(ldc))
}
