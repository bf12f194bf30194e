import CKernels
import COpenBLAS
import Foundation
import Kernels

// B sequences, L tokens each, H heads of width d, D = H d; m features; C rows a chunk; e = d + 1.

/// The gradient: a sweep from the first chunk on leaves the state before each chunk, and a sweep from the last one back
/// carries Σ φ(q_i) dsum_i of later rows. Shifts are constants: the output does not depend on them.
extension PerformerAttention {
    func backward(
        qkv: Buffer<Float>, out: Buffer<Float>, kept: Buffer<Float>, dout: Buffer<Float>, dqkv: Buffer<Float>,
        delta: Buffer<Float>, batch: MicroBatch, layer: Int, on team: Team
    ) {
        let L = batch.length, H = heads, d = headWidth, D = H * d
        precondition(qkv.count >= batch.rows * 3 * D && dqkv.count >= batch.rows * 3 * D)
        precondition(out.count >= batch.rows * D && dout.count >= batch.rows * D && kept.count >= batch.rows * H)
        let chunks = Self.chunks(L), size = features * (d + 1)
        team.tasks(batch.sequences * H) { number, thread in
            let b = number / H, h = number % H
            let task = task(qkv, b, h, length: L, layer: layer, thread: thread, on: team), work = task.work
            for (i, rows) in chunks.dropLast().enumerated() {
                task.keyFeatures(rows)
                task.packValues(rows)
                task.updateState(rows)
                work.states[((i + 1) * size)..<((i + 2) * size)].copy(from: work.state)
            }
            let first = b * L * D + h * d
            for (i, rows) in chunks.enumerated().reversed() {
                task.keyFeatures(rows)
                task.queryFeatures(rows)
                task.packValues(rows)
                task.weigh(rows)
                let at = first + rows.lowerBound * D
                task.sumGradients(
                    rows.count, y: out.pointer + at, dy: dout.pointer + at, stride: D,
                    sums: kept.pointer + number * L + rows.lowerBound)
                task.featureGradients(
                    rows, state: i > 0 ? work.states[(i * size)..<((i + 1) * size)] : nil, isLast: rows.upperBound == L)
                let own = dqkv.pointer + b * L * 3 * D + h * d + rows.lowerBound * 3 * D
                task.inputGradients(rows, dq: own, dk: own + D, dv: own + 2 * D)
            }
        }
    }
}

extension PerformerAttention.Task {
    /// sums = ∂L/∂sums of n rows y = sums[:d] / sums[d], whose gradients are dy.
    func sumGradients(
        _ n: Int, y: UnsafePointer<Float>, dy: UnsafePointer<Float>, stride: Int, sums: UnsafePointer<Float>
    ) {
        let dots = work.rowB.pointer
        drrl_row_dot(dots, y, stride, dy, stride, n, width)
        for i in 0..<n {
            let own = work.sums.pointer + i * e
            for c in 0..<width { own[c] = dy[i * stride + c] / sums[i] }
            own[width] = -dots[i] / sums[i]
        }
    }

    /// Gradients of the chunk's features and values from that of its sums; `state` is the one before the chunk.
    /// stateGradient moves on to the chunk before.
    func featureGradients(_ rows: Range<Int>, state: Buffer<Float>?, isLast: Bool) {
        let n = rows.count, m = features, e = e, R = work.logScale
        let (phiQ, phiK) = (work.queries.pointer, work.keys.pointer)
        let (dPhiQ, dPhiK) = (work.queryGradients.pointer, work.keyGradients.pointer)
        let (w, dw) = (work.weights.pointer, work.weightGradients.pointer)
        let (dsums, dv, scaled) = (work.sums.pointer, work.valueGradients.pointer, work.scaled.pointer)
        flops.product(n, n, e, .values)
        sgemm(CblasNoTrans, CblasTrans, n, n, e, 1, dsums, e, work.values.pointer, e, 0, dw, n)
        decay(work.weightGradients, rows)
        flops.product(n, m, 2 * n, .scores)
        sgemm(CblasNoTrans, CblasNoTrans, n, m, n, 1, dw, n, phiK, m, 0, dPhiQ, m)
        sgemm(CblasTrans, CblasNoTrans, n, m, n, 1, dw, n, phiQ, m, 0, dPhiK, m)

        // From later chunks, whose sums are in the scale of this one's last row.
        if !isLast {
            let last = R[rows.upperBound - 1], later = work.stateGradient.pointer
            flops.product(n, e, 2 * m, .values)
            sgemm(CblasNoTrans, CblasNoTrans, n, e, m, 1, phiK, m, later, e, 0, dv, e)
            scale(work.valueGradients, into: work.valueGradients, n) { R[rows.lowerBound + $0] - last }
            scale(work.values, into: work.scaled, n) { R[rows.lowerBound + $0] - last }
            sgemm(CblasNoTrans, CblasTrans, n, m, e, 1, scaled, e, later, e, 1, dPhiK, m)
        }
        flops.product(n, e, n, .values)
        sgemm(CblasTrans, CblasNoTrans, n, e, n, 1, w, n, dsums, e, isLast ? 0 : 1, dv, e)

        // From earlier ones.
        guard let state else { return }
        let before = before(rows)
        scale(work.sums, into: work.scaled, n) { before - R[rows.lowerBound + $0] }
        flops.product(n, e, 2 * m, .values)
        sgemm(CblasNoTrans, CblasTrans, n, m, e, 1, scaled, e, state.pointer, e, 1, dPhiQ, m)
        if !isLast { rescale(work.stateGradient, exp(before - R[rows.upperBound - 1])) }
        sgemm(CblasTrans, CblasNoTrans, m, e, n, 1, phiQ, m, scaled, e, isLast ? 0 : 1, work.stateGradient.pointer, e)
    }

    /// The chunk's rows of dq, dk and dv, `stride` apart, from the gradients of features and values.
    func inputGradients(
        _ rows: Range<Int>, dq: UnsafeMutablePointer<Float>, dk: UnsafeMutablePointer<Float>,
        dv: UnsafeMutablePointer<Float>
    ) {
        let n = rows.count, m = features, d = width
        flops.product(n, d, 2 * m, .scores)
        for (gradient, feature, to) in [(work.queryGradients, work.queries, dq), (work.keyGradients, work.keys, dk)] {
            drrl_features_backward(
                gradient.pointer, work.rowA.pointer, feature.pointer, n, m, PerformerAttention.floor)
            sgemm(CblasNoTrans, CblasNoTrans, n, d, m, 1, gradient.pointer, m, directions, d, 0, to, stride)
        }
        // A key's exponents hold −|k′|²/2, and rowA now the sums of the keys' gradients.
        let factor = 1 / Float(d).squareRoot()
        for i in 0..<n {
            let sum = work.rowA.pointer[i] * factor, key = k + (rows.lowerBound + i) * stride
            for c in 0..<d {
                dk[i * stride + c] -= sum * key[c]
                dv[i * stride + c] = work.valueGradients.pointer[i * e + c]
            }
        }
    }
}
