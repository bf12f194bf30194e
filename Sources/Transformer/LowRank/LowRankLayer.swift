import CKernels
import Kernels

// M = B L rows, D width, H heads; S segments of T tokens; r, rv a segment's ranks, R, Rv the largest.

/// Attention of one layer at a level for each segment, from the norm's output to the projection's: queries and outputs
/// are packed at their segment's rank, keys and values at the largest rank. Nothing is rebuilt at full width.
package struct LowRankLayer: Sendable {
    let folded: FoldedAttention
    let attention: Attention
    let levels: SegmentLevels
    let team: Team
    /// One thread, for work that is handed out segment by segment.
    private let solo: Team

    package init(_ folded: FoldedAttention, _ attention: Attention, _ levels: SegmentLevels, on team: Team) {
        self.folded = folded
        self.attention = attention
        self.levels = levels
        self.team = team
        solo = team.solo
    }

    private var heads: Int { attention.heads }
    private var keyColumns: Int { heads * folded.keys.rank }
    private var valueColumns: Int { heads * folded.values.rank }

    /// Queries, keys and values in turn, within a buffer of [M, 3D].
    private func parts(_ qkv: Buffer<Float>, _ M: Int) -> (q: Buffer<Float>, k: Buffer<Float>, v: Buffer<Float>) {
        let (n, nv) = (M * keyColumns, M * valueColumns)
        return (qkv[0..<n], qkv[n..<(2 * n)], qkv[(2 * n)..<(2 * n + nv)])
    }

    private func operands(_ qkv: Buffer<Float>, _ M: Int) -> Attention.Operands {
        let (q, k, v) = parts(qkv, M)
        return Attention.Operands(
            queries: HeadRows(q, rowStride: keyColumns, headStride: nil),
            keys: HeadRows(k, rowStride: keyColumns, headStride: folded.keys.rank),
            values: HeadRows(v, rowStride: valueColumns, headStride: folded.values.rank))
    }

    private func outputs(_ attended: Buffer<Float>) -> HeadRows {
        HeadRows(attended, rowStride: valueColumns, headStride: nil)
    }

    /// What `forward` left in `attended`.
    func output(_ attended: Buffer<Float>, batch: MicroBatch, dropout: Dropout?) -> AttentionOutput {
        AttentionOutput(
            outputs(attended), levels: levels, length: batch.length, hasDropout: dropout != nil)
    }

    /// One segment's rows of a packed activation.
    private func segment(_ buffer: Buffer<Float>, _ rows: Range<Int>, columns: Int, stride: Int) -> Matrix {
        Matrix(buffer[(rows.lowerBound * stride)..<(rows.upperBound * stride)],
            rows: rows.count, columns: columns, stride: stride)
    }

    /// Each segment of each sequence, or those within `positions`: its rows among all M, and its level.
    private func forEachSegment(
        _ batch: MicroBatch, within positions: Range<Int>? = nil, _ body: @Sendable (Range<Int>, AttentionLevel) -> Void
    ) {
        let asked = positions ?? 0..<batch.length
        let tiles = levels.tiles(length: batch.length, most: batch.length).map { $0.clamped(to: asked) }
            .filter { !$0.isEmpty }
        team.tasks(batch.sequences * tiles.count) { task, _ in
            let b = task / tiles.count, tile = tiles[task % tiles.count]
            body((b * batch.length + tile.lowerBound)..<(b * batch.length + tile.upperBound),
                levels[sequence: b, row: tile.lowerBound])
        }
    }

    private func pack(_ packs: [Int: FoldedAttention.Packed], _ rank: Int) -> FoldedAttention.Packed {
        guard let pack = packs[rank] else { preconditionFailure("rank \(rank) is not among the levels folded") }
        return pack
    }

    /// branch = attention(x) before its bias; x: [M, D]; qkv and attended keep what the backward pass needs.
    ///
    /// - Parameter positions: of a single sequence, the rows to attend: their queries and keys are projected, and the values
    ///   of all rows up to their end. The keys of rows before are those of an earlier call.
    package func forward(
        _ x: Matrix, qkv: Buffer<Float>, attended: Buffer<Float>, lse: Buffer<Float>, into branch: Matrix,
        batch: MicroBatch, dropout: Dropout?, layer: Int, positions: Range<Int>? = nil
    ) {
        precondition(positions == nil || batch.sequences == 1, "positions of \(batch.sequences) sequences")
        let (q, k, v) = parts(qkv, batch.rows), own = positions ?? 0..<batch.rows
        for (part, pack, rows) in [(k, folded.keys, own), (v, folded.values, 0..<own.upperBound)] {
            let projected = Matrix(part, rows: batch.rows, columns: pack.weight.columns).rows(rows)
            pack.broadcastBias(into: projected)
            team.gemm(x.rows(rows), pack.weight, into: projected, beta: 1, .projections, in: team.precision)
        }
        forEachSegment(batch, within: positions) { rows, level in
            let pack = pack(folded.queries, level.scoreRank)
            let own = segment(q, rows, columns: pack.weight.columns, stride: keyColumns)
            pack.broadcastBias(into: own)
            solo.gemm(x.rows(rows), pack.weight, into: own, beta: 1, .projections, in: team.precision)
        }
        attention.forward(
            operands(qkv, batch.rows), out: outputs(attended), lse: lse, levels: levels, positions: positions,
            batch: batch, dropout: dropout, layer: layer, on: team)
        forEachSegment(batch, within: positions) { rows, level in
            let pack = pack(folded.projections, level.valueRank)
            solo.gemm(
                segment(attended, rows, columns: pack.weight.rows, stride: valueColumns), pack.weight,
                into: branch.rows(rows), .projections, in: team.precision)
        }
    }

    /// dx = ∂L/∂x given dbranch; gradients of the folded weights are added to. dattended, dqkv and delta are scratch of
    /// the sizes of attended, qkv and lse.
    package func backward(
        dbranch: Matrix, x: Matrix, qkv: Buffer<Float>, attended: Buffer<Float>, lse: Buffer<Float>,
        dattended: Buffer<Float>, dqkv: Buffer<Float>, delta: Buffer<Float>, dx: Matrix, batch: MicroBatch,
        dropout: Dropout?, layer: Int
    ) {
        forEachSegment(batch) { rows, level in
            let pack = pack(folded.projections, level.valueRank)
            solo.gemm(
                dbranch.rows(rows), pack.weight.transposed,
                into: segment(dattended, rows, columns: pack.weight.rows, stride: valueColumns), .projections, in: team.precision)
        }
        attention.backward(
            operands(qkv, batch.rows), out: outputs(attended), lse: lse, dout: outputs(dattended),
            gradients: operands(dqkv, batch.rows), delta: delta, levels: levels, batch: batch, dropout: dropout,
            layer: layer, on: team)
        let (dq, dk, dv) = parts(dqkv, batch.rows)
        for (i, (part, pack)) in [(dk, folded.keys), (dv, folded.values)].enumerated() {
            let dpart = Matrix(part, rows: batch.rows, columns: pack.weight.columns)
            team.gemm(x.transposed, dpart, into: pack.weightGradient, beta: 1, .projections, in: team.precision)
            pack.addBiasGradient(dpart)
            team.gemm(dpart, pack.weight.transposed, into: dx, beta: i == 0 ? 0 : 1, .projections, in: team.precision)
        }
        forEachSegment(batch) { rows, level in
            let pack = pack(folded.queries, level.scoreRank)
            solo.gemm(
                segment(dq, rows, columns: pack.weight.columns, stride: keyColumns), pack.weight.transposed,
                into: dx.rows(rows), beta: 1, .projections, in: team.precision)
        }
        weightGradients(dbranch: dbranch, x: x, dq: dq, attended: attended, batch: batch)
    }

    /// Segments at one rank share a gradient, so they add to it one after the other, in order.
    private func weightGradients(
        dbranch: Matrix, x: Matrix, dq: Buffer<Float>, attended: Buffer<Float>, batch: MicroBatch
    ) {
        let tiles = levels.tiles(length: batch.length, most: batch.length)
        for b in 0..<batch.sequences {
            for tile in tiles {
                let level = levels[sequence: b, row: tile.lowerBound]
                let rows = (b * batch.length + tile.lowerBound)..<(b * batch.length + tile.upperBound)
                let query = pack(folded.queries, level.scoreRank)
                let own = segment(dq, rows, columns: query.weight.columns, stride: keyColumns)
                team.gemm(x.rows(rows).transposed, own, into: query.weightGradient, beta: 1, .projections, in: team.precision)
                query.addBiasGradient(own)
                let projection = pack(folded.projections, level.valueRank)
                team.gemm(
                    segment(attended, rows, columns: projection.weight.rows, stride: valueColumns).transposed,
                    dbranch.rows(rows), into: projection.weightGradient, beta: 1, .projections, in: team.precision)
            }
        }
    }
}

extension FoldedAttention.Packed {
    /// Every row of y = bias.
    func broadcastBias(into y: Matrix) {
        for row in 0..<y.rows {
            (y.pointer + row * y.stride).update(from: bias.pointer, count: bias.columns)
        }
    }

    /// biasGradient += Σ rows of dy.
    func addBiasGradient(_ dy: Matrix) {
        drrl_column_sum(biasGradient.pointer, dy.pointer, dy.rows, dy.columns, dy.stride)
    }
}
