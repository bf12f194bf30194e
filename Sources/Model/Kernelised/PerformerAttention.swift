import CKernels
import COpenBLAS
import Foundation
import Kernels

// B sequences, L tokens each, H heads of width d, D = H d; m features; C rows a chunk; e = d + 1.

/// Causal Performer attention with positive orthogonal random features, FAVOR+ (Choromanski et al. 2021, "Rethinking
/// attention with Performers"): exp(q·k/√d) ≈ φ(q)·φ(k) with φ(x)_f = exp(w_f·x′ − |x′|²/2)/√m and x′ = x / d^¼, an
/// unbiased estimate. Time is linear in L.
///
/// out_i = Σ_{j≤i} φ(q_i)·φ(k_j) v_j / Σ_{j≤i} φ(q_i)·φ(k_j): within a chunk of C rows by masked products, across chunks
/// by the state Σ_j φ(k_j) [v_j, 1], m×e.
///
/// Exponents are shifted so that nothing overflows. A query's shift, the largest of its own exponents, cancels in the
/// quotient, and so do |q′|² and 1/√m. Key j is shifted by R_j, the largest exponent of keys 0 … j, and pairs are
/// weighted by exp(R_j − R_i) ≤ 1: no row depends on later keys. As in the authors' code features have a small floor, so
/// that a row's weights never sum to zero.
///
/// The directions w are drawn once from (seed, layer, head), and never again.
struct PerformerAttention: KernelisedAttention {
    /// C: fewer rows execute less within a chunk, and SGEMM runs as fast on 64 as on more.
    static let chunk = 64
    /// What every feature is at least, where a query's largest is 1. Products of two are far from underflow.
    static let floor: Float = 1e-15

    let heads, headWidth, features: Int
    private let firstLayer: Int
    /// By layer from the first: [H, m, d], divided by d^¼.
    private let directions: [Buffer<Float>]
    let workspaces: [Workspace]

    init(
        _ configuration: ModelConfiguration, features: Int, seed: UInt64, layers: Range<Int>, team: Team,
        forTraining: Bool
    ) {
        precondition(features >= 1, "\(features) features")
        let d = configuration.headWidth, H = configuration.heads
        heads = H
        headWidth = d
        self.features = features
        firstLayer = layers.lowerBound
        let scale = 1 / pow(Double(d), 0.25)
        directions = layers.map { layer in
            Buffer((0..<H).flatMap { head in
                OrthogonalFeatures.draw(count: features, width: d, seed: seed, layer: layer, head: head)
                    .map { Float($0 * scale) }
            })
        }
        workspaces = (0..<team.threads).map { _ in
            Workspace(
                features: features, headWidth: d, context: configuration.context, forTraining: forTraining)
        }
    }

    /// Tiles of one thread; gradients have room only for training.
    struct Workspace: Sendable {
        /// [C, m] each.
        let queries, keys, queryGradients, keyGradients: Buffer<Float>
        /// [C, C] each.
        let weights, weightGradients: Buffer<Float>
        /// [C, e] each: [v, 1]; rows of e scaled; sums before their division, or the sums' gradient; that of `values`.
        let values, scaled, sums, valueGradients: Buffer<Float>
        /// [m, e] Σ φ(k_j) [v_j, 1] of earlier chunks, and Σ φ(q_i) dsum_i of later ones.
        let state, stateGradient: Buffer<Float>
        /// [⌈L/C⌉, m, e] the states before each chunk.
        let states: Buffer<Float>
        /// [L] R.
        let logScale: Buffer<Float>
        /// [C] each.
        let rowA, rowB: Buffer<Float>

        init(features m: Int, headWidth d: Int, context: Int, forTraining: Bool) {
            let C = chunk, e = d + 1
            func floats(_ count: Int) -> Buffer<Float> { Buffer(uninitialized: count) }
            func gradient(_ count: Int) -> Buffer<Float> { Buffer(uninitialized: forTraining ? count : 0) }
            (queries, keys) = (floats(C * m), floats(C * m))
            (queryGradients, keyGradients) = (gradient(C * m), gradient(C * m))
            (weights, weightGradients) = (floats(C * C), gradient(C * C))
            (values, scaled, sums, valueGradients) = (floats(C * e), floats(C * e), floats(C * e), gradient(C * e))
            (state, stateGradient) = (floats(m * e), gradient(m * e))
            states = gradient((context + C - 1) / C * m * e)
            logScale = floats(context)
            (rowA, rowB) = (floats(C), floats(C))
        }
    }

    func task(_ qkv: Buffer<Float>, _ b: Int, _ h: Int, length: Int, layer: Int, thread: Int, on team: Team) -> Task {
        let D = heads * headWidth
        let first = qkv.pointer + b * length * 3 * D + h * headWidth
        return Task(
            q: first, k: first + D, v: first + 2 * D, stride: 3 * D,
            directions: directions(layer: layer, head: h), work: workspaces[thread], flops: team.flops, width: headWidth,
            features: features)
    }

    /// [m, d] of one head.
    func directions(layer: Int, head: Int) -> UnsafePointer<Float> {
        UnsafePointer(directions[layer - firstLayer].pointer + head * features * headWidth)
    }

    static func chunks(_ length: Int) -> [Range<Int>] {
        stride(from: 0, to: length, by: chunk).map { $0..<min($0 + chunk, length) }
    }

    /// kept: each row's sum of weights, in its own scale.
    func forward(
        qkv: Buffer<Float>, out: Buffer<Float>, kept: Buffer<Float>, batch: MicroBatch, layer: Int, on team: Team
    ) {
        let L = batch.length, H = heads, d = headWidth, D = H * d
        precondition(qkv.count >= batch.rows * 3 * D && out.count >= batch.rows * D && kept.count >= batch.rows * H)
        let chunks = Self.chunks(L)
        team.tasks(batch.sequences * H) { number, thread in
            let b = number / H, h = number % H
            let task = task(qkv, b, h, length: L, layer: layer, thread: thread, on: team)
            for rows in chunks {
                task.keyFeatures(rows)
                task.queryFeatures(rows)
                task.packValues(rows)
                task.weigh(rows)
                task.sum(rows)
                for i in 0..<rows.count {
                    let own = task.work.sums.pointer + i * (d + 1), row = rows.lowerBound + i
                    let y = out.pointer + (b * L + row) * D + h * d
                    for c in 0..<d { y[c] = own[c] / own[d] }
                    kept.pointer[number * L + row] = own[d]
                }
                if rows.upperBound < L { task.updateState(rows) }
            }
        }
    }
}

extension PerformerAttention {
    /// One sequence and head on one thread, chunk by chunk; `rows` are a chunk's.
    struct Task {
        let q, k, v: UnsafePointer<Float>
        /// From a row of q, k or v to the next.
        let stride: Int
        /// [m, d].
        let directions: UnsafePointer<Float>
        let work: Workspace
        let flops: FlopCounter
        /// d, m.
        let width, features: Int

        var e: Int { width + 1 }

        /// keys = φ(k), and these rows' R, which goes on from the row before.
        func keyFeatures(_ rows: Range<Int>) {
            keyFeatures(rows, after: before(rows), into: work.logScale.pointer + rows.lowerBound)
        }

        /// keys = φ(k), and these rows' R, given that of the row before.
        func keyFeatures(_ rows: Range<Int>, after before: Float, into logScale: UnsafeMutablePointer<Float>) {
            let x = k + rows.lowerBound * stride, n = rows.count
            exponents(x, n, into: work.keys)
            let half = work.rowA.pointer, scale = 0.5 / Float(width).squareRoot()
            drrl_row_dot(half, x, stride, x, stride, n, width)
            for i in 0..<n { half[i] *= scale }
            drrl_key_features(work.keys.pointer, logScale, half, before, n, features, floor)
        }

        /// queries = φ(q).
        func queryFeatures(_ rows: Range<Int>) {
            exponents(q + rows.lowerBound * stride, rows.count, into: work.queries)
            drrl_query_features(work.queries.pointer, rows.count, features, floor)
        }

        /// y = w·x′.
        private func exponents(_ x: UnsafePointer<Float>, _ n: Int, into y: Buffer<Float>) {
            flops.product(n, features, width, .scores)
            flops.exponentials(n * features)
            sgemm(CblasNoTrans, CblasTrans, n, features, width, 1, x, stride, directions, width, 0, y.pointer, features)
        }

        /// R of the row before.
        func before(_ rows: Range<Int>) -> Float {
            rows.lowerBound > 0 ? work.logScale[rows.lowerBound - 1] : -.greatestFiniteMagnitude
        }

        /// values = [v, 1].
        func packValues(_ rows: Range<Int>) {
            for i in 0..<rows.count {
                let own = work.values.pointer + i * e
                own.update(from: v + (rows.lowerBound + i) * stride, count: width)
                own[width] = 1
            }
        }

        /// weights = φ(q)·φ(k) exp(R_j − R_i), masked.
        func weigh(_ rows: Range<Int>) {
            let n = rows.count, m = features
            flops.product(n, n, m, .scores)
            sgemm(CblasNoTrans, CblasTrans, n, n, m, 1, work.queries.pointer, m, work.keys.pointer, m, 0,
                work.weights.pointer, n)
            decay(work.weights, rows)
        }

        /// tile_ij ← tile_ij exp(R_j − R_i) where j ≤ i, else 0.
        func decay(_ tile: Buffer<Float>, _ rows: Range<Int>) {
            flops.exponentials(rows.count * (rows.count + 1) / 2)
            drrl_decay_tile(tile.pointer, rows.count, rows.count, work.logScale.pointer + rows.lowerBound)
        }

        /// sums_i = Σ_{j≤i} φ(q_i)·φ(k_j) exp(R_j − R_i) [v_j, 1].
        func sum(_ rows: Range<Int>) {
            let n = rows.count, m = features, sums = work.sums.pointer, isFirst = rows.lowerBound == 0
            if !isFirst {
                flops.product(n, e, m, .values)
                sgemm(CblasNoTrans, CblasNoTrans, n, e, m, 1, work.queries.pointer, m, work.state.pointer, e, 0, sums, e)
                let before = before(rows)
                scale(work.sums, into: work.sums, n) { before - work.logScale[rows.lowerBound + $0] }
            }
            flops.product(n, e, n, .values)
            sgemm(CblasNoTrans, CblasNoTrans, n, e, n, 1, work.weights.pointer, n, work.values.pointer, e,
                isFirst ? 0 : 1, sums, e)
        }

        /// state ← state exp(R_before − R_last) + Σ_j exp(R_j − R_last) φ(k_j) [v_j, 1].
        func updateState(_ rows: Range<Int>) {
            let R = work.logScale, last = R[rows.upperBound - 1], isFirst = rows.lowerBound == 0
            scale(work.values, into: work.scaled, rows.count) { R[rows.lowerBound + $0] - last }
            if !isFirst { rescale(work.state, exp(before(rows) - last)) }
            flops.product(features, e, rows.count, .values)
            sgemm(CblasTrans, CblasNoTrans, features, e, rows.count, 1, work.keys.pointer, features,
                work.scaled.pointer, e, isFirst ? 0 : 1, work.state.pointer, e)
        }

        /// to_i = from_i exp(exponent(i)), n rows of e.
        func scale(_ from: Buffer<Float>, into to: Buffer<Float>, _ n: Int, _ exponent: (Int) -> Float) {
            for i in 0..<n {
                let factor = exp(exponent(i))
                for c in (i * e)..<((i + 1) * e) { to.pointer[c] = from.pointer[c] * factor }
            }
        }

        /// state ← state factor.
        func rescale(_ state: Buffer<Float>, _ factor: Float) {
            if factor == 1 { return }
            for c in 0..<(features * e) { state.pointer[c] *= factor }
        }
    }
}

/// One position at a time: the state, Σ φ(k_j) [v_j, 1] over all rows so far in the scale of the last, is all there is to
/// keep, whatever the length.
extension PerformerAttention {
    /// The cache holds, for each sequence and head, the state, [m, e], and R of the last row.
    func advance(
        _ row: AttentionRow, at places: [CachePlace], _ cache: AttentionCache, _ shape: AttentionShape, layer: Int,
        on team: Team
    ) {
        let H = heads, d = headWidth, size = features * (d + 1), each = size + 1
        precondition(cache.memory.count == cache.sequences * H * each, "another kind's cache")
        team.tasks(places.count * H) { number, thread in
            let b = number / H, h = number % H, own = shape.keyValueHead(of: h)
            let qkv = row.qkv.pointer + b * shape.columns
            let task = Task(
                q: qkv + shape.columns(of: shape.queries, head: h).lowerBound,
                k: qkv + shape.columns(of: shape.keys, head: own).lowerBound,
                v: qkv + shape.columns(of: shape.values, head: own).lowerBound, stride: shape.columns,
                directions: directions(layer: layer, head: h), work: workspaces[thread], flops: team.flops, width: d,
                features: features)
            let state = places[b].sequence * H + h, kept = cache.memory[(state * each)..<((state + 1) * each)]
            task.advance(
                state: kept[0..<size], logScale: kept[size..<each], isFirst: places[b].position == 0,
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
