import Kernels

// M = B L rows, D width; H query heads on G key/value heads; S segments of T tokens; r, rv a segment's ranks, R, Rv the
// largest.

/// Attention of one layer at a level for each segment, from the norm's output to the projection's: queries and outputs
/// are packed at their segment's rank, keys and values at the largest rank. Nothing is rebuilt at full width. Where some
/// keys are exact all are packed at d, and the level says how many of the columns far keys are multiplied at.
package struct LowRankLayer: AttentionSublayer {
    let folded: FoldedAttention
    let maps: AttentionMaps
    let attention: Attention
    let chosen: ChosenLevels
    /// Finds bases of single sequences' values, in inference; nil where the folded ones hold for all rows.
    let refine: LowRankPass.Refinement?
    /// [M, (H + G) d] for rotated queries and keys; empty where they are folded.
    let rotated: Buffer<Float>
    /// How a cache may keep far keys; nil where at all columns.
    var far: CacheLayout.FarKeys?

    package var levels: SegmentLevels? { chosen.levels }

    var shape: AttentionShape { maps.shape }
    var keyColumns: Int { shape.keyValueHeads * folded.largestScoreRank }
    var queryColumns: Int { shape.heads * folded.largestScoreRank }
    var valueColumns: Int { shape.keyValueHeads * folded.values.rank }
    private var outputColumns: Int { shape.heads * folded.values.rank }

    /// Queries, keys and values in turn, within a buffer of [M, (H + 2 G) d].
    func parts(_ qkv: Buffer<Float>, _ M: Int) -> (q: Buffer<Float>, k: Buffer<Float>, v: Buffer<Float>) {
        let q = M * queryColumns, k = q + M * keyColumns
        return (qkv[0..<q], qkv[q..<k], qkv[k..<(k + M * valueColumns)])
    }

    private func operands(_ qkv: Buffer<Float>, _ M: Int) -> Attention.Operands {
        let (q, k, v) = parts(qkv, M)
        return Attention.Operands(
            queries: HeadRows(q, rowStride: queryColumns, headStride: nil),
            keys: HeadRows(k, rowStride: keyColumns, headStride: folded.largestScoreRank),
            values: HeadRows(v, rowStride: valueColumns, headStride: folded.values.rank))
    }

    private func outputs(_ attended: Buffer<Float>) -> HeadRows {
        HeadRows(attended, rowStride: outputColumns, headStride: nil)
    }

    /// One segment's rows of a packed activation.
    private func segment(_ buffer: Buffer<Float>, _ rows: Range<Int>, columns: Int, stride: Int) -> Matrix {
        Matrix(buffer[(rows.lowerBound * stride)..<(rows.upperBound * stride)],
            rows: rows.count, columns: columns, stride: stride)
    }

    /// Each segment of each sequence, or those within `positions`: its rows among all M, and at what it is packed.
    private func segments(_ batch: MicroBatch, within positions: Range<Int>? = nil) -> [(Range<Int>, AttentionLevel)] {
        let asked = positions ?? 0..<batch.length
        let tiles = chosen.levels.tiles(length: batch.length, most: batch.length).map { $0.clamped(to: asked) }
            .filter { !$0.isEmpty }
        return (0..<batch.sequences).flatMap { b in
            tiles.map { tile in
                ((b * batch.length + tile.lowerBound)..<(b * batch.length + tile.upperBound),
                 chosen.levels.packed(sequence: b, row: tile.lowerBound, headWidth: shape.headWidth))
            }
        }
    }

    /// The same, handed out to threads, each of which works alone.
    private func forEachSegment(
        _ pass: AttentionPass, within positions: Range<Int>? = nil,
        _ body: @Sendable (Range<Int>, AttentionLevel, Team) -> Void
    ) {
        let segments = segments(pass.batch, within: positions), solo = pass.team.solo
        pass.team.tasks(segments.count) { task, _ in body(segments[task].0, segments[task].1, solo) }
    }

    private func packed(_ packs: [Int: FoldedAttention.Packed], _ rank: Int) -> Linear {
        guard let pack = packs[rank] else { preconditionFailure("rank \(rank) is not among the levels folded") }
        return pack.map
    }

    package func forward(_ x: Matrix, _ kept: KeptAttention, into branch: Matrix, _ pass: AttentionPass) {
        if let refine {
            return forward(x, kept, into: branch, pass, refining: refine)
        }
        attend(x, kept, into: branch, pass)
        chosen.review?(
            AttentionOutput(
                outputs(kept.attended), levels: chosen.levels, length: pass.batch.length, headWidth: shape.headWidth,
                hasDropout: pass.dropout != nil))
    }

    /// - Parameter positions: of a single sequence, the rows to attend: their queries and keys are projected, and the values
    ///   of all rows up to their end. The keys of rows before are those of an earlier call.
    func attend(
        _ x: Matrix, _ kept: KeptAttention, into branch: Matrix, _ pass: AttentionPass, positions: Range<Int>? = nil
    ) {
        let batch = pass.batch
        precondition(positions == nil || batch.sequences == 1, "positions of \(batch.sequences) sequences")
        let (q, k, v) = parts(kept.qkv, x.rows), own = positions ?? 0..<x.rows
        if maps.rotary != nil {
            rotatedScores(x, q, k, pass, positions: positions)
        } else if let keys = folded.keys {
            keys.map.forward(x.rows(own), into: Matrix(k, rows: x.rows, columns: keyColumns).rows(own), on: pass.team)
            forEachSegment(pass, within: positions) { rows, level, solo in
                let map = packed(folded.queries, level.scoreRank)
                map.forward(
                    x.rows(rows), into: segment(q, rows, columns: map.weight.columns, stride: queryColumns), on: solo)
            }
        }
        let seen = 0..<own.upperBound
        folded.values.map.forward(
            x.rows(seen), into: Matrix(v, rows: x.rows, columns: valueColumns).rows(seen), on: pass.team)
        attention.forward(
            operands(kept.qkv, x.rows), out: outputs(kept.attended), lse: kept.lse, levels: chosen.levels,
            positions: positions, batch: batch, dropout: pass.dropout, layer: pass.layer, on: pass.team)
        forEachSegment(pass, within: positions) { rows, level, solo in
            let map = packed(folded.projections, level.valueRank)
            map.product(
                segment(kept.attended, rows, columns: map.weight.rows, stride: outputColumns), into: branch.rows(rows),
                on: solo)
        }
    }

    package func backward(
        _ dbranch: Matrix, x: Matrix, _ kept: KeptAttention, _ scratch: AttentionScratch, dx: Matrix, _ pass: AttentionPass
    ) {
        forEachSegment(pass) { rows, level, solo in
            let map = packed(folded.projections, level.valueRank)
            map.inputGradient(
                dbranch.rows(rows),
                into: segment(scratch.dattended, rows, columns: map.weight.rows, stride: outputColumns), on: solo)
        }
        attention.backward(
            operands(kept.qkv, x.rows), out: outputs(kept.attended), lse: kept.lse, dout: outputs(scratch.dattended),
            gradients: operands(scratch.dqkv, x.rows), delta: scratch.delta, levels: chosen.levels, batch: pass.batch,
            dropout: pass.dropout, layer: pass.layer, on: pass.team)
        let (dq, dk, dv) = parts(scratch.dqkv, x.rows)
        if maps.rotary != nil {
            rotatedScoresBackward(dq, dk, x: x, dx: dx, pass)
        } else if let keys = folded.keys {
            keys.map.backward(dy: Matrix(dk, rows: x.rows, columns: keyColumns), x: x, dx: dx, on: pass.team)
        }
        let dvalues = Matrix(dv, rows: x.rows, columns: valueColumns)
        folded.values.map.backward(dy: dvalues, x: x, dx: nil, on: pass.team)
        folded.values.map.inputGradient(dvalues, into: dx, adding: true, on: pass.team)
        if maps.rotary == nil {
            forEachSegment(pass) { rows, level, solo in
                let map = packed(folded.queries, level.scoreRank)
                map.inputGradient(
                    segment(dq, rows, columns: map.weight.columns, stride: queryColumns), into: dx.rows(rows),
                    adding: true, on: solo)
            }
        }
        maps.output.addBiasGradient(dbranch, on: pass.team)
        weightGradients(dbranch: dbranch, x: x, dq: dq, kept, pass)
    }

    /// Segments at one rank share a gradient, so they add to it one after the other, in order.
    private func weightGradients(
        dbranch: Matrix, x: Matrix, dq: Buffer<Float>, _ kept: KeptAttention, _ pass: AttentionPass
    ) {
        for (rows, level) in segments(pass.batch) {
            if maps.rotary == nil {
                let query = packed(folded.queries, level.scoreRank)
                query.backward(
                    dy: segment(dq, rows, columns: query.weight.columns, stride: queryColumns), x: x.rows(rows), dx: nil,
                    on: pass.team)
            }
            let projection = packed(folded.projections, level.valueRank)
            projection.backward(
                dy: dbranch.rows(rows),
                x: segment(kept.attended, rows, columns: projection.weight.rows, stride: outputColumns), dx: nil,
                on: pass.team)
        }
    }
}

/// Under rotary positions queries and keys are projected at full width and rotated, and then multiplied by the bases.
extension LowRankLayer {
    private var rotatedWidth: Int { maps.rotatedColumns.upperBound }
    private var rotatedMap: Linear { maps.input.outputs(maps.rotatedColumns) }

    /// q′ and k′ of the rows at `positions`, or of all.
    private func rotatedScores(
        _ x: Matrix, _ q: Buffer<Float>, _ k: Buffer<Float>, _ pass: AttentionPass, positions: Range<Int>?
    ) {
        let own = positions ?? 0..<x.rows, width = rotatedWidth, all = Matrix(rotated, rows: x.rows, columns: width)
        rotatedMap.forward(x.rows(own), into: all.rows(own), on: pass.team)
        if let positions {
            maps.rotary?.rotate(
                rotated[(own.lowerBound * width)..<(own.upperBound * width)], heads: maps.rotatedHeads, rowStride: width,
                rows: own.count, from: positions.lowerBound, step: 1)
        } else {
            maps.rotary?.rotate(
                rotated, heads: maps.rotatedHeads, rowStride: width, batch: pass.batch, on: pass.team)
        }
        takeMean(fromKeysOf: own, on: pass.team)
        let keys = Matrix(k, rows: x.rows, columns: keyColumns)
        forEachSegment(pass, within: positions) { rows, level, solo in
            let queries = segment(q, rows, columns: shape.heads * level.scoreRank, stride: queryColumns)
            forEachHead(rank: level.scoreRank) { head in
                solo.gemm(
                    all.rows(rows).columns(head.columns), head.base, into: queries.columns(head.own), .projections)
            } _: { head in
                solo.gemm(
                    all.rows(rows).columns(head.columns), head.base, into: keys.rows(rows).columns(head.own), .projections)
            }
        }
    }

    /// k ← k − μ in the rotated keys of some rows.
    func takeMean(fromKeysOf rows: Range<Int>, on team: Team) {
        let mean = folded.basis.keyMean, width = rotatedWidth, first = shape.keys.lowerBound
        team.split(rows.count, of: width) { some in
            for row in some {
                let keys = rotated.pointer + (rows.lowerBound + row) * width + first
                for i in 0..<mean.count { keys[i] -= mean[i] }
            }
        }
    }

    /// dx = ∂L/∂x by way of queries and keys given dq′ and dk′; the map's gradients are added to.
    private func rotatedScoresBackward(
        _ dq: Buffer<Float>, _ dk: Buffer<Float>, x: Matrix, dx: Matrix, _ pass: AttentionPass
    ) {
        let all = Matrix(rotated, rows: x.rows, columns: rotatedWidth), dkeys = Matrix(dk, rows: x.rows, columns: keyColumns)
        forEachSegment(pass) { rows, level, solo in
            let dqueries = segment(dq, rows, columns: shape.heads * level.scoreRank, stride: queryColumns)
            forEachHead(rank: level.scoreRank) { head in
                solo.gemm(
                    dqueries.columns(head.own), head.base.transposed, into: all.rows(rows).columns(head.columns),
                    .projections)
            } _: { head in
                solo.gemm(
                    dkeys.rows(rows).columns(head.own), head.base.transposed,
                    into: all.rows(rows).columns(head.columns), .projections)
            }
        }
        maps.rotary?.rotate(
            rotated, heads: maps.rotatedHeads, rowStride: rotatedWidth, batch: pass.batch, inverse: true, on: pass.team)
        rotatedMap.backward(dy: all, x: x, dx: dx, on: pass.team)
    }

    /// A head of rotated queries or keys: its columns there, its basis, and its columns once multiplied.
    private struct RotatedHead {
        let columns: Range<Int>
        let base: Matrix
        let own: Range<Int>
    }

    /// Every head of queries at `rank`, and every head of keys at the largest.
    private func forEachHead(rank r: Int, _ query: (RotatedHead) -> Void, _ key: (RotatedHead) -> Void) {
        for h in 0..<shape.heads {
            query(RotatedHead(
                columns: shape.columns(of: shape.queries, head: h),
                base: folded.base(\.query, head: shape.keyValueHead(of: h), rank: r), own: (h * r)..<((h + 1) * r)))
        }
        let R = folded.largestScoreRank
        for g in 0..<shape.keyValueHeads {
            key(RotatedHead(
                columns: shape.columns(of: shape.keys, head: g), base: folded.base(\.key, head: g, rank: R),
                own: (g * R)..<((g + 1) * R)))
        }
    }
}
