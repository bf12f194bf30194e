import CKernels
import COpenBLAS
import Foundation
import Kernels

// B sequences of L tokens, or of at most L positions, H query heads on G key/value heads of width d, D = H d; segments of
// T tokens, n landmarks each; S segments that others come after.

/// Nyström attention (Xiong et al. 2021, "Nyströmformer") made causal by segments: a query sees the keys of its own
/// segment exactly and masked, and of each earlier segment the n landmarks of its `SegmentSummary`.
///
/// One softmax covers both. A landmark stands for the c tokens of its piece, so its key enters as exp(q·k̃/√d + ln c);
/// its value is Nyström's. All weights are positive and sum to 1. With n = T that is full attention, and the first
/// segment's always is. A query has at most T + n L/T keys instead of L.
struct NystromAttention: KernelisedAttention {
    /// Most rows and columns of a tile.
    static let queryTile = 128, keyTile = 256

    let heads, headWidth, landmarks, segment: Int
    let workspaces: [Workspace]

    init(_ configuration: ModelConfiguration, landmarks: Int, segment: Int, team: Team, forTraining: Bool) {
        precondition(landmarks >= 1 && segment >= 1, "\(landmarks) landmarks in \(segment) tokens")
        heads = configuration.heads
        headWidth = configuration.headWidth
        // A model's context may be shorter than a segment, and a piece has at least one token.
        let (n, T, d) = (min(landmarks, segment), segment, configuration.headWidth)
        self.landmarks = n
        self.segment = segment
        let segments = max(configuration.context - 1, 0) / T
        workspaces = (0..<team.threads).map { _ in
            Workspace(segments: segments, segment: T, landmarks: n, headWidth: d, forTraining: forTraining)
        }
    }

    /// Tiles and summaries of one thread; gradients have room only for training.
    struct Workspace: Sendable {
        /// [queryTile, keyTile] each.
        let scores, gradients: Buffer<Float>
        let out: Buffer<Float>
        let rowMax, rowSum: Buffer<Float>
        /// [S n, d] each, S segments that others come after.
        let keys, values, keyGradients, valueGradients: Buffer<Float>
        /// [S n] ln c.
        let logCounts: Buffer<Float>
        let summary: SegmentSummary

        init(segments S: Int, segment T: Int, landmarks n: Int, headWidth d: Int, forTraining: Bool) {
            func floats(_ count: Int) -> Buffer<Float> { Buffer(uninitialized: count) }
            func gradient(_ count: Int) -> Buffer<Float> { Buffer(uninitialized: forTraining ? count : 0) }
            let tile = NystromAttention.queryTile * NystromAttention.keyTile
            (scores, gradients, out) = (floats(tile), gradient(tile), floats(NystromAttention.queryTile * d))
            (rowMax, rowSum) = (floats(NystromAttention.queryTile), floats(NystromAttention.queryTile))
            (keys, values) = (floats(S * n * d), floats(S * n * d))
            (keyGradients, valueGradients) = (gradient(S * n * d), gradient(S * n * d))
            logCounts = Buffer((0..<(S * n)).map { log(Float(SegmentSummary.piece($0 % n, of: n, tokens: T).count)) })
            summary = SegmentSummary(
                tokens: S > 0 ? T : 0, landmarks: S > 0 ? n : 0, headWidth: d, forTraining: forTraining)
        }
    }

    /// One sequence and head on one thread.
    struct Task {
        let q, k, v: UnsafePointer<Float>
        /// From a row of q, k or v to the next; D for outputs.
        let stride: Int
        let work: Workspace
        let flops: FlopCounter
        let width, landmarks, segment, length: Int

        var scale: Float { 1 / Float(width).squareRoot() }
        /// Segments that others come after.
        var summaries: Int { (length - 1) / segment }

        /// Rows of segment u.
        func rows(_ u: Int) -> SegmentSummary.Rows<UnsafePointer<Float>> {
            let at = u * segment * stride
            return SegmentSummary.Rows(q: q + at, k: k + at, v: v + at, stride: stride)
        }

        func summarise() {
            for u in 0..<summaries {
                let at = u * landmarks * width
                work.summary.forward(rows(u), keys: work.keys.pointer + at, values: work.values.pointer + at, flops)
            }
        }

        var queryTiles: [Range<Int>] { NystromAttention.queryTiles(length: length, segment: segment) }

        /// What the queries of a tile see, in tiles: the landmarks of earlier segments, then their own segment's keys.
        func keyTiles(of tile: Range<Int>) -> [KeyTile] {
            let u = tile.lowerBound / segment, d = width
            let earlier = Swift.stride(from: 0, to: u * landmarks, by: NystromAttention.keyTile).map { first in
                KeyTile(
                    keys: UnsafePointer(work.keys.pointer + first * d), values: UnsafePointer(work.values.pointer + first * d),
                    stride: d, columns: min(NystromAttention.keyTile, u * landmarks - first), valid: .max, landmark: first, key: nil)
            }
            let own = Swift.stride(from: u * segment, to: tile.upperBound, by: NystromAttention.keyTile).map { first in
                KeyTile(
                    keys: k + first * stride, values: v + first * stride, stride: stride,
                    columns: min(NystromAttention.keyTile, tile.upperBound - first), valid: tile.lowerBound - first + 1,
                    landmark: nil, key: first)
            }
            return earlier + own
        }

        /// scores = q·k/√d, with ln c for landmarks; rows of `columns` without gaps.
        func score(_ tile: Range<Int>, _ keys: KeyTile) {
            flops.product(tile.count, keys.columns, width, .scores)
            flops.exponentials(keys.visible(tile.count))
            sgemm(CblasNoTrans, CblasTrans, tile.count, keys.columns, width, scale, q + tile.lowerBound * stride, stride,
                keys.keys, keys.stride, 0, work.scores.pointer, keys.columns)
            if let first = keys.landmark {
                drrl_add_row(work.scores.pointer, work.logCounts.pointer + first, tile.count, keys.columns)
            }
        }
    }

    /// The rows of a sequence in pieces that lie in one segment and fit a tile.
    static func queryTiles(length: Int, segment: Int) -> [Range<Int>] {
        stride(from: 0, to: length, by: segment).flatMap { first in
            let end = min(first + segment, length)
            return stride(from: first, to: end, by: queryTile).map { $0..<min($0 + queryTile, end) }
        }
    }

    /// Some of the keys that a tile's queries see: landmarks from `landmark` on, or tokens from `key` on.
    struct KeyTile {
        let keys, values: UnsafePointer<Float>
        let stride, columns: Int
        /// Row i of the queries sees the first `valid` + i.
        let valid: Int
        let landmark, key: Int?

        /// `valid` for the kernels, to which rows are added.
        var firstRow: Int { min(valid, columns) }
        func visible(_ rows: Int) -> Int { landmark == nil ? Model.visible(rows, columns, valid) : rows * columns }
    }

    func task(_ qkv: Buffer<Float>, _ b: Int, _ h: Int, length: Int, thread: Int, on team: Team) -> Task {
        let D = heads * headWidth
        let first = qkv.pointer + b * length * 3 * D + h * headWidth
        return Task(
            q: first, k: first + D, v: first + 2 * D, stride: 3 * D, work: workspaces[thread], flops: team.flops,
            width: headWidth, landmarks: landmarks, segment: segment, length: length)
    }

    /// kept: each row's log-sum-exp.
    func forward(
        qkv: Buffer<Float>, out: Buffer<Float>, kept: Buffer<Float>, batch: MicroBatch, layer: Int, on team: Team
    ) {
        let L = batch.length, H = heads, d = headWidth, D = H * d
        precondition(qkv.count >= batch.rows * 3 * D && out.count >= batch.rows * D && kept.count >= batch.rows * H)
        team.tasks(batch.sequences * H) { number, thread in
            let b = number / H, h = number % H
            let task = task(qkv, b, h, length: L, thread: thread, on: team), work = task.work
            task.summarise()
            for tile in task.queryTiles {
                let rows = tile.count
                work.rowMax.fill(-.greatestFiniteMagnitude)
                work.rowSum.fill(0)
                for (i, keys) in task.keyTiles(of: tile).enumerated() {
                    task.score(tile, keys)
                    drrl_softmax_tile_forward(
                        work.scores.pointer, keys.columns, rows, keys.columns, keys.firstRow, work.rowMax.pointer,
                        work.rowSum.pointer, work.out.pointer, i == 0 ? 0 : d)
                    team.flops.product(rows, d, keys.columns, .values)
                    sgemm(CblasNoTrans, CblasNoTrans, rows, d, keys.columns, 1, work.scores.pointer, keys.columns,
                        keys.values, keys.stride, i == 0 ? 0 : 1, work.out.pointer, d)
                }
                drrl_softmax_tile_finish(
                    out.pointer + (b * L + tile.lowerBound) * D + h * d, D, kept.pointer + number * L + tile.lowerBound,
                    work.out.pointer, work.rowMax.pointer, work.rowSum.pointer, rows, d)
            }
        }
    }
}

/// One position at a time: of the segment under way all rows are kept, and of those before it their landmarks, which are
/// made when the next one begins.
extension NystromAttention {
    /// A cache's memory.
    private struct Cached {
        /// [B, min(T, L), (H + 2 G) d].
        let rows: Buffer<Float>
        /// [B, H, S, n, d] each.
        let keys, values: Buffer<Float>
        /// Floats of a sequence's rows, and of a head's landmarks.
        let rowCount, landmarkCount: Int
    }

    private func counts(_ shape: AttentionShape, length: Int) -> (rows: Int, landmarks: Int) {
        (min(segment, length) * shape.columns, max(length - 1, 0) / segment * landmarks * headWidth)
    }

    func cacheCount(_ shape: AttentionShape, length: Int) -> Int {
        let counts = counts(shape, length: length)
        return counts.rows + 2 * shape.heads * counts.landmarks
    }

    private func cached(_ cache: AttentionCache, _ shape: AttentionShape) -> Cached {
        let counts = counts(shape, length: cache.length), all = cache.memory
        precondition(
            all.count == cache.sequences * cacheCount(shape, length: cache.length), "another kind's cache")
        let rows = cache.sequences * counts.rows, heads = cache.sequences * shape.heads * counts.landmarks
        return Cached(
            rows: all[0..<rows], keys: all[rows..<(rows + heads)], values: all[(rows + heads)..<all.count],
            rowCount: counts.rows, landmarkCount: counts.landmarks)
    }

    func advance(
        _ row: AttentionRow, at places: [CachePlace], _ cache: AttentionCache, _ shape: AttentionShape, layer: Int,
        on team: Team
    ) {
        let cached = cached(cache, shape), columns = shape.columns
        for (b, place) in places.enumerated() {
            let u = place.position / segment, t = place.position % segment
            if t == 0 && u > 0 { summarise(u - 1, of: cached, shape, sequence: place.sequence, on: team) }
            let first = place.sequence * cached.rowCount + t * columns
            cached.rows[first..<(first + columns)].copy(from: row.qkv[(b * columns)..<((b + 1) * columns)])
        }
        team.tasks(places.count * heads) { number, thread in
            let b = number / heads, h = number % heads, d = headWidth, place = places[b], scores = row.scores[thread]
            let n = place.position / segment * landmarks, t = place.position % segment
            let own = self.rows(cached, shape, sequence: place.sequence, head: h)
            let landmark = (place.sequence * heads + h) * cached.landmarkCount
            let out = row.attended.pointer + b * shape.width + h * d, scale = 1 / Float(d).squareRoot()
            let earlier = 0..<n, here = n..<(n + t + 1), query = own.q + t * columns
            scores.score(
                query, keys: cached.keys.pointer + landmark, stride: d, width: d, scale: scale, into: earlier, team.flops)
            scores.add(workspaces[thread].logCounts[earlier])
            scores.score(query, keys: own.k, stride: columns, width: d, scale: scale, into: here, team.flops)
            scores.soften(here.upperBound, team.flops)
            scores.weigh(own.v, stride: columns, width: d, from: here, into: out, team.flops)
            guard n > 0 else { return }
            scores.weigh(
                cached.values.pointer + landmark, stride: d, width: d, from: earlier, adding: true, into: out, team.flops)
        }
    }

    /// The cached rows of a sequence's segment, as a head sees them.
    private func rows(
        _ cached: Cached, _ shape: AttentionShape, sequence b: Int, head h: Int
    ) -> SegmentSummary.Rows<UnsafePointer<Float>> {
        let first = UnsafePointer(cached.rows.pointer + b * cached.rowCount), own = shape.keyValueHead(of: h)
        return SegmentSummary.Rows(
            q: first + shape.columns(of: shape.queries, head: h).lowerBound,
            k: first + shape.columns(of: shape.keys, head: own).lowerBound,
            v: first + shape.columns(of: shape.values, head: own).lowerBound, stride: shape.columns)
    }

    /// Landmarks of segment `u` of a sequence, whose rows are all there.
    private func summarise(_ u: Int, of cached: Cached, _ shape: AttentionShape, sequence: Int, on team: Team) {
        team.tasks(heads) { head, thread in
            let at = (sequence * heads + head) * cached.landmarkCount + u * landmarks * headWidth
            workspaces[thread].summary.forward(
                rows(cached, shape, sequence: sequence, head: head), keys: cached.keys.pointer + at,
                values: cached.values.pointer + at, team.flops)
        }
    }

    func flops(length: Int) -> Int {
        let summaries = max(length - 1, 0) / segment
        // Each tile of queries with all landmarks of earlier segments and the keys of its own up to its end: a product with
        // keys and one with values.
        let pairs = Self.queryTiles(length: length, segment: segment).reduce(0) { sum, tile in
            let u = tile.lowerBound / segment
            return sum + tile.count * (u * landmarks + tile.upperBound - u * segment)
        }
        return (summaries > 0 ? summaries * workspaces[0].summary.flops : 0) + 4 * pairs * headWidth
    }
}

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
