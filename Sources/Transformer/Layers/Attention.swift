import CKernels
import COpenBLAS
import Kernels

// B sequences, L tokens each, H heads of width d, D = H d.
// qkv: [B L, 3 D], queries, keys and values side by side as in GPT-2's c_attn; out: [B L, D]; lse: [B, H, L].

/// Causal softmax attention in tiles, forward and backward (Dao et al. 2022, "FlashAttention"): no L×L buffer.
public struct Attention: Sendable {
    /// Query rows a tile.
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

    private var width: Int { heads * headWidth }
    private var scale: Float { 1 / Float(headWidth).squareRoot() }

    /// out = softmax(Q Kᵀ / √d, causal) V for every sequence and head; lse keeps each row's log-sum-exp.
    public func forward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int,
        on team: Team
    ) {
        let L = batch.length, d = headWidth, D = width, scale = scale
        precondition(qkv.count >= batch.rows * 3 * D && out.count >= batch.rows * D && lse.count >= batch.rows * heads)
        let tiles = (L + Self.queryTile - 1) / Self.queryTile
        let count = batch.sequences * heads * tiles
        team.tasks(count) { task, thread in
            // Longest tiles first, so that threads finish together.
            let tile = tiles - 1 - task / (batch.sequences * heads)
            let b = task / heads % batch.sequences, h = task % heads
            let work = workspaces[thread]
            let q0 = tile * Self.queryTile, rows = min(Self.queryTile, L - q0)
            let sequence = qkv.pointer + b * L * 3 * D
            let q = sequence + q0 * 3 * D + h * d
            let scores = work.scores.pointer
            for r in 0..<rows {
                work.rowMax.pointer[r] = -.greatestFiniteMagnitude
                work.rowSum.pointer[r] = 0
            }
            let key = dropout?.key(layer: layer, site: .attention, head: h)
            for k0 in stride(from: 0, to: q0 + rows, by: Self.keyTile) {
                let columns = min(Self.keyTile, q0 + rows - k0)
                let k = sequence + k0 * 3 * D + D + h * d, v = k + D
                sgemm(CblasNoTrans, CblasTrans, rows, columns, d, scale, q, 3 * D, k, 3 * D, 0, scores, Self.keyTile)
                drrl_softmax_tile_forward(
                    scores, Self.keyTile, rows, columns, q0 - k0 + 1, work.rowMax.pointer, work.rowSum.pointer,
                    work.out.pointer, k0 == 0 ? 0 : d)
                if let key, let dropout {
                    drrl_dropout(scores, Self.keyTile, rows, columns, key, batch.samples[b], q0, k0, dropout.rate)
                }
                sgemm(CblasNoTrans, CblasNoTrans, rows, d, columns, 1, scores, Self.keyTile, v, 3 * D,
                    k0 == 0 ? 0 : 1, work.out.pointer, d)
            }
            drrl_softmax_tile_finish(
                out.pointer + (b * L + q0) * D + h * d, D, lse.pointer + (b * heads + h) * L + q0,
                work.out.pointer, work.rowMax.pointer, work.rowSum.pointer, rows, d)
        }
    }

    /// dqkv = ∂L/∂qkv given dout = ∂L/∂out: scores are computed again from lse.
    ///
    /// delta: [B, H, L] scratch.
    public func backward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, dout: Buffer<Float>, dqkv: Buffer<Float>,
        delta: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        let L = batch.length, d = headWidth, D = width, scale = scale, tile = Self.keyTile
        precondition(qkv.count >= batch.rows * 3 * D && dqkv.count >= batch.rows * 3 * D)
        precondition(out.count >= batch.rows * D && dout.count >= batch.rows * D)
        precondition(lse.count >= batch.rows * heads && delta.count >= batch.rows * heads)
        team.tasks(batch.sequences * heads) { task, thread in
            let b = task / heads, h = task % heads
            let work = workspaces[thread]
            let p = work.scores.pointer, dp = work.gradients.pointer
            let base = b * L * 3 * D + h * d
            let q = qkv.pointer + base, k = q + D, v = k + D
            let dq = dqkv.pointer + base, dk = dq + D, dv = dk + D
            let o = out.pointer + b * L * D + h * d, dO = dout.pointer + b * L * D + h * d
            let lse = lse.pointer + (b * heads + h) * L, delta = delta.pointer + (b * heads + h) * L
            let key = dropout?.key(layer: layer, site: .attention, head: h)
            drrl_row_dot(delta, o, D, dO, D, L, d)
            for k0 in stride(from: 0, to: L, by: tile) {
                let first = k0 / Self.queryTile * Self.queryTile
                for q0 in stride(from: first, to: L, by: Self.queryTile) {
                    let rows = min(Self.queryTile, L - q0), columns = min(tile, q0 + rows - k0)
                    let qt = q + q0 * 3 * D, kt = k + k0 * 3 * D, dOt = dO + q0 * D
                    // The first tile that touches a gradient writes it, the others add.
                    let touched: Float = q0 == first ? 0 : 1
                    sgemm(CblasNoTrans, CblasTrans, rows, columns, d, scale, qt, 3 * D, kt, 3 * D, 0, p, tile)
                    sgemm(CblasNoTrans, CblasTrans, rows, columns, d, 1, dOt, D, v + k0 * 3 * D, 3 * D, 0, dp, tile)
                    if let key, let dropout {
                        drrl_dropout(dp, tile, rows, columns, key, batch.samples[b], q0, k0, dropout.rate)
                    }
                    drrl_softmax_tile_backward(p, dp, tile, rows, columns, q0 - k0 + 1, lse + q0, delta + q0, scale)
                    if let key, let dropout {
                        drrl_dropout(p, tile, rows, columns, key, batch.samples[b], q0, k0, dropout.rate)
                    }
                    if touched == 0 && columns < min(tile, L - k0) {
                        // Keys that this tile's queries do not see yet: later tiles add to them.
                        for row in (k0 + columns)..<min(k0 + tile, L) {
                            for i in 0..<d {
                                dk[row * 3 * D + i] = 0
                                dv[row * 3 * D + i] = 0
                            }
                        }
                    }
                    sgemm(CblasTrans, CblasNoTrans, columns, d, rows, 1, p, tile, dOt, D, touched, dv + k0 * 3 * D, 3 * D)
                    sgemm(CblasTrans, CblasNoTrans, columns, d, rows, 1, dp, tile, qt, 3 * D, touched, dk + k0 * 3 * D, 3 * D)
                    sgemm(CblasNoTrans, CblasNoTrans, rows, d, columns, 1, dp, tile, kt, 3 * D,
                        k0 == 0 ? 0 : 1, dq + q0 * 3 * D, 3 * D)
                }
            }
        }
    }
}

/// SGEMM on one thread over raw tiles: C ← alpha op(A) op(B) + beta C, op(A) m×k, op(B) k×n.
@inline(__always)
private func sgemm(
    _ opA: CBLAS_TRANSPOSE, _ opB: CBLAS_TRANSPOSE, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
) {
    cblas_sgemm(
        CblasRowMajor, opA, opB, blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
}
