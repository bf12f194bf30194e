import CKernels
import COpenBLAS
import Foundation
import Kernels

// B sequences, L tokens each, H heads of width d, D = H d; segments of T tokens, n landmarks each.

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
        func visible(_ rows: Int) -> Int { landmark == nil ? Transformer.visible(rows, columns, valid) : rows * columns }
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
