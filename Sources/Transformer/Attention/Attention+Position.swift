import CKernels
import COpenBLAS
import Kernels

extension Attention {
    /// Full attention of the queries at one position alone, which `forward` would compute as a block of rows.
    ///
    /// - Parameters:
    ///   - qkv: [B L, (H + 2 G) d], of which each sequence's rows up to `position` are there.
    ///   - out: [B, H d].
    ///   - scores: room for [L + 2].
    func forward(
        qkv: Buffer<Float>, position: Int, into out: Buffer<Float>, scores: Buffer<Float>, batch: MicroBatch, on team: Team
    ) {
        let d = headWidth, columns = shape.columns, stride = blasint(columns), seen = position + 1
        precondition(
            qkv.count >= batch.rows * columns && out.count >= batch.sequences * shape.width && position < batch.length)
        let largest = scores[batch.length..<(batch.length + 1)], sum = scores[(batch.length + 1)..<(batch.length + 2)]
        for b in 0..<batch.sequences {
            for h in 0..<heads {
                let first = qkv.pointer + b * batch.length * columns, shared = shape.keyValueHead(of: h)
                let q = first + position * columns + shape.columns(of: shape.queries, head: h).lowerBound
                let k = first + shape.columns(of: shape.keys, head: shared).lowerBound
                let v = first + shape.columns(of: shape.values, head: shared).lowerBound
                team.flops.product(1, seen, d, .scores)
                cblas_sgemv(
                    CblasRowMajor, CblasNoTrans, blasint(seen), blasint(d), scale, k, stride, q, 1, 0, scores.pointer,
                    1)
                (largest[0], sum[0]) = (-.greatestFiniteMagnitude, 0)
                team.flops.exponentials(seen)
                drrl_softmax_tile_forward(
                    scores.pointer, seen, 1, seen, seen, largest.pointer, sum.pointer, largest.pointer, 0)
                team.flops.product(1, d, seen, .values)
                cblas_sgemv(
                    CblasRowMajor, CblasTrans, blasint(seen), blasint(d), 1 / sum[0], v, stride, scores.pointer, 1, 0,
                    out.pointer + b * shape.width + h * d, 1)
            }
        }
    }
}
