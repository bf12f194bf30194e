import COpenBLAS
import Foundation
import Kernels

// B sequences, H query heads of width d; m features; C rows a chunk; e = d + 1.

/// One position at a time: the state, Σ φ(k_j) [v_j, 1] over all rows so far in the scale of the last, is all there is to
/// keep, whatever the length.
extension PerformerAttention {
    /// The cache holds, for each sequence and head, the state, [m, e], and R of the last row.
    func advance(
        _ row: AttentionRow, position: Int, _ cache: AttentionCache, _ shape: AttentionShape, layer: Int, on team: Team
    ) {
        let H = heads, d = headWidth, size = features * (d + 1), each = size + 1
        precondition(cache.memory.count == cache.sequences * H * each, "another kind's cache")
        team.tasks(cache.sequences * H) { number, thread in
            let b = number / H, h = number % H, own = shape.keyValueHead(of: h)
            let qkv = row.qkv.pointer + b * shape.columns
            let task = Task(
                q: qkv + shape.columns(of: shape.queries, head: h).lowerBound,
                k: qkv + shape.columns(of: shape.keys, head: own).lowerBound,
                v: qkv + shape.columns(of: shape.values, head: own).lowerBound, stride: shape.columns,
                directions: directions(layer: layer, head: h), work: workspaces[thread], flops: team.flops, width: d,
                features: features)
            let kept = cache.memory[(number * each)..<((number + 1) * each)]
            task.advance(
                state: kept[0..<size], logScale: kept[size..<each], isFirst: position == 0,
                into: row.attended.pointer + b * shape.width + h * d)
        }
    }

    func cacheCount(_ shape: AttentionShape, length: Int) -> Int { shape.heads * (features * (headWidth + 1) + 1) }

    func flops(length: Int) -> Int {
        let m = features, e = headWidth + 1
        return 2 * Self.chunks(length).reduce(0) { sum, rows in
            let n = rows.count, passes = (rows.lowerBound > 0 ? 1 : 0) + (rows.upperBound < length ? 1 : 0)
            // Features of queries and keys; weights and their sums within the chunk; what comes from and goes into the state.
            return sum + 2 * n * m * headWidth + n * n * (m + e) + passes * n * m * e
        }
    }
}

extension PerformerAttention.Task {
    /// The one row of q, k and v: its key and value enter the state, which gives out, [d].
    func advance(state: Buffer<Float>, logScale: Buffer<Float>, isFirst: Bool, into out: UnsafeMutablePointer<Float>) {
        let m = features, before = isFirst ? -.greatestFiniteMagnitude : logScale[0]
        keyFeatures(0..<1, after: before, into: logScale.pointer)
        queryFeatures(0..<1)
        packValues(0..<1)
        flops.product(m, e, 1, .values)
        sgemm(CblasTrans, CblasNoTrans, m, e, 1, 1, work.keys.pointer, m, work.values.pointer, e,
            isFirst ? 0 : exp(before - logScale[0]), state.pointer, e)
        flops.product(1, e, m, .values)
        let sums = work.sums.pointer
        sgemm(CblasNoTrans, CblasNoTrans, 1, e, m, 1, work.queries.pointer, m, state.pointer, e, 0, sums, e)
        for c in 0..<width { out[c] = sums[c] / sums[width] }
    }
}
