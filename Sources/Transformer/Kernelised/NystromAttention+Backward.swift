import CKernels
import COpenBLAS
import Kernels

// B sequences, L tokens each, H heads of width d, D = H d; segments of T tokens, n landmarks each.

/// The gradient: first of the softmax with respect to queries, keys, values and landmarks, then of the landmarks.
extension NystromAttention {
    func backward(
        qkv: Buffer<Float>, out: Buffer<Float>, kept: Buffer<Float>, dout: Buffer<Float>, dqkv: Buffer<Float>,
        delta: Buffer<Float>, batch: MicroBatch, layer: Int, on team: Team
    ) {
        let L = batch.length, H = heads, d = headWidth, D = H * d
        precondition(qkv.count >= batch.rows * 3 * D && dqkv.count >= batch.rows * 3 * D)
        precondition(out.count >= batch.rows * D && dout.count >= batch.rows * D)
        precondition(kept.count >= batch.rows * H && delta.count >= batch.rows * H)
        team.tasks(batch.sequences * H) { number, thread in
            let b = number / H, h = number % H
            let task = task(qkv, b, h, length: L, thread: thread, on: team), work = task.work
            task.summarise()
            work.keyGradients.fill(0)
            work.valueGradients.fill(0)
            let dq = dqkv.pointer + b * L * 3 * D + h * d, dk = dq + D, dv = dq + 2 * D
            for part in [dq, dk, dv] { clear(part, 3 * D, L, d) }
            let first = b * L * D + h * d, delta = delta.pointer + number * L, lse = kept.pointer + number * L
            drrl_row_dot(delta, out.pointer + first, D, dout.pointer + first, D, L, d)
            for tile in task.queryTiles {
                let dy = dout.pointer + first + tile.lowerBound * D
                for keys in task.keyTiles(of: tile) {
                    let (toKeys, toValues) =
                        if let landmark = keys.landmark {
                            (work.keyGradients.pointer + landmark * d, work.valueGradients.pointer + landmark * d)
                        } else {
                            (dk + (keys.key ?? 0) * 3 * D, dv + (keys.key ?? 0) * 3 * D)
                        }
                    task.score(tile, keys)
                    task.tileGradients(
                        tile, keys, dy: dy, dyStride: D, lse: lse + tile.lowerBound, delta: delta + tile.lowerBound,
                        dq: dq + tile.lowerBound * 3 * D, dk: toKeys, dv: toValues)
                }
            }
            for u in 0..<task.summaries {
                let at = u * landmarks * d, row = u * segment * 3 * D
                work.summary.backward(
                    task.rows(u), keys: work.keys.pointer + at, values: work.values.pointer + at,
                    dkeys: work.keyGradients.pointer + at, dvalues: work.valueGradients.pointer + at,
                    SegmentSummary.Rows(q: dq + row, k: dk + row, v: dv + row, stride: 3 * D), team.flops)
            }
        }
    }
}

extension NystromAttention.Task {
    /// Adds a tile's gradients, given its scores: dq to rows `stride` apart, dk and dv to rows as the keys'.
    func tileGradients(
        _ tile: Range<Int>, _ keys: NystromAttention.KeyTile, dy: UnsafePointer<Float>, dyStride: Int,
        lse: UnsafePointer<Float>, delta: UnsafePointer<Float>, dq: UnsafeMutablePointer<Float>,
        dk: UnsafeMutablePointer<Float>, dv: UnsafeMutablePointer<Float>
    ) {
        let rows = tile.count, columns = keys.columns, d = width
        let p = work.scores.pointer, dp = work.gradients.pointer
        flops.product(rows, columns, 2 * d, .scores)
        flops.product(rows, columns, 2 * d, .values)
        sgemm(CblasNoTrans, CblasTrans, rows, columns, d, 1, dy, dyStride, keys.values, keys.stride, 0, dp, columns)
        drrl_softmax_tile_backward(p, dp, columns, rows, columns, keys.firstRow, lse, delta, scale)
        sgemm(CblasTrans, CblasNoTrans, columns, d, rows, 1, p, columns, dy, dyStride, 1, dv, keys.stride)
        sgemm(CblasTrans, CblasNoTrans, columns, d, rows, 1, dp, columns, q + tile.lowerBound * stride, stride, 1,
            dk, keys.stride)
        sgemm(CblasNoTrans, CblasNoTrans, rows, d, columns, 1, dp, columns, keys.keys, keys.stride, 1, dq, stride)
    }
}
