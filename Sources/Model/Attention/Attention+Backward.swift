import CKernels
import Kernels

extension Attention {
    /// Gradients of queries, keys and values given dout = ∂L/∂out: scores are computed again from lse.
    ///
    /// Columns of keys and values beyond the largest rank of `levels` get gradient 0; delta: [B, H, L] is scratch.
    public func backward(
        _ operands: Operands, out: HeadRows, lse: Buffer<Float>, dout: HeadRows, gradients: Operands,
        delta: Buffer<Float>, levels: SegmentLevels, batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        let L = batch.length, H = heads, count = batch.sequences * H
        precondition(lse.count >= batch.rows * H && delta.count >= batch.rows * H)
        let tiles = levels.tiles(length: L, most: Int(DRRL_ATTENTION_GRADIENT_ROWS))
        let keyTiles = levels.keyTiles(length: L, most: Int(DRRL_ATTENTION_GRADIENT_KEYS))
        let far = (0..<batch.sequences).flatMap { b in tiles.map { FarRows(levels, sequence: b, rows: $0) } }
        team.tasks(count * tiles.count) { task, _ in
            let head = task / tiles.count, rows = tiles[task % tiles.count]
            let b = head / H, h = head % H, row = b * L + rows.lowerBound
            let rv = levels.packed(sequence: b, row: rows.lowerBound, headWidth: headWidth).valueRank
            drrl_row_dot(
                delta.pointer + head * L + rows.lowerBound, out.pointer(row: row, head: h, rank: rv), out.rowStride,
                dout.pointer(row: row, head: h, rank: rv), dout.rowStride, rows.count, rv)
            countProducts(
                of: rows, keyTiles, far[b * tiles.count + task % tiles.count],
                packed: levels.packed(sequence: b, row: rows.lowerBound, headWidth: headWidth), on: team)
        }
        let keyed = batch.sequences * shape.keyValueHeads
        // A tile's query gradient is a sum over tiles of keys: in their order, whichever threads compute them.
        let turns = (0..<(count * tiles.count)).map { _ in Turn() }
        let pass = BackwardPass(
            operands: operands, lse: lse, dout: dout, gradients: gradients, delta: delta, levels: levels,
            tiles: tiles, far: far, batch: batch, dropout: dropout, layer: layer)
        team.tasks(keyed * keyTiles.count) { task, thread in
            // As many heads of keys at a time as there are threads, so that none waits while heads last.
            let done = task / (team.threads * keyTiles.count) * team.threads, among = min(team.threads, keyed - done)
            let rest = task - done * keyTiles.count
            let index = rest / among
            backward(
                pass, keyed: done + rest % among, keys: keyTiles[index], work: workspaces[thread].pointer
            ) { head, tile, add in
                let turn = turns[head * tiles.count + tile]
                turn.wait(for: index)
                add()
                turn.pass()
            }
        }
    }

    /// Counts a tile of rows: scores and the gradients of probabilities and queries; then those of keys and values.
    private func countProducts(
        of rows: Range<Int>, _ keyTiles: [Range<Int>], _ far: FarRows, packed: AttentionLevel, on team: Team
    ) {
        func add(_ elements: Int, _ byKey: Int, _ scoreRank: Int, _ valueRank: Int) {
            team.flops.product(2 * elements + byKey, 1, scoreRank, .scores)
            team.flops.product(elements + byKey, 1, valueRank, .values)
        }
        let nearByKey = keyTiles.lazy.filter { !far.keys.contains($0.lowerBound) }
            .reduce(0) { $0 + Self.scoresByKey(of: rows, keys: $1) }
        add(
            Self.scores(of: rows) - rows.count * far.keys.count, nearByKey, packed.scoreRank, packed.valueRank)
        for group in far.groups {
            let scores = group.count * far.keys.count
            add(scores, scores, group.score_rank, group.value_rank)
        }
        team.flops.exponentials(Self.visible(rows))
    }

    /// What all tasks of a backward pass share.
    private struct BackwardPass: Sendable {
        let operands: Operands
        let lse: Buffer<Float>
        let dout: HeadRows
        let gradients: Operands
        let delta: Buffer<Float>
        let levels: SegmentLevels
        let tiles: [Range<Int>]
        /// By sequence and tile.
        let far: [FarRows]
        let batch: MicroBatch
        let dropout: Dropout?
        let layer: Int
    }

    /// The part of the keys `keys` of one head of keys and values, number `keyed` among those of all sequences: they are
    /// read once for all query heads that share them. `inTurn` lets each head's tile of queries add to its gradient.
    private func backward(
        _ pass: BackwardPass, keyed: Int, keys: Range<Int>, work: UnsafeMutablePointer<Float>,
        inTurn: (_ head: Int, _ tile: Int, _ add: () -> Void) -> Void
    ) {
        let (operands, gradients, L) = (pass.operands, pass.gradients, pass.batch.length)
        let b = keyed / shape.keyValueHeads, h = keyed % shape.keyValueHeads, row = b * L + keys.lowerBound
        let largest = pass.levels.largest(headWidth: headWidth), (r, rv) = (largest.scoreRank, largest.valueRank)
        var open = drrl_attention_keys(
            first: keys.lowerBound, count: keys.count, key_rank: r, value_rank: rv, scale: scale)
        drrl_attention_backward_begin(
            work, &open, operands.keys.pointer(row: row, head: h, rank: r), operands.keys.rowStride,
            operands.values.pointer(row: row, head: h, rank: rv), operands.values.rowStride)
        for query in shape.queryHeads(of: h) {
            Self.withDropout(pass.dropout, layer: pass.layer, head: query, sample: pass.batch.samples[b]) { dropout in
                for (i, rows) in pass.tiles.enumerated() where rows.upperBound > keys.lowerBound {
                    let packed = pass.levels.packed(sequence: b, row: rows.lowerBound, headWidth: headWidth)
                    let (r, rv) = (packed.scoreRank, packed.valueRank), head = b * heads + query
                    let first = b * L + rows.lowerBound, far = pass.far[b * pass.tiles.count + i]
                    var tile = drrl_attention_gradient_tile(
                        queries: operands.queries.pointer(row: first, head: query, rank: r),
                        query_stride: operands.queries.rowStride,
                        dout: pass.dout.pointer(row: first, head: query, rank: rv), dout_stride: pass.dout.rowStride,
                        lse: pass.lse.pointer + head * L + rows.lowerBound,
                        delta: pass.delta.pointer + head * L + rows.lowerBound, score_rank: r, value_rank: rv,
                        query_columns: r, first: rows.lowerBound, rows: rows.count, dropout: dropout, order: nil, before: 0)
                    far.forEachGroup(&tile, seeing: keys) {
                        drrl_attention_backward(instructions.selector, work, &open, &$0)
                    }
                    let dq = gradients.queries.pointer(row: first, head: query, rank: r)
                    inTurn(head, i) {
                        far.forEachGroup(&tile, seeing: keys) {
                            drrl_attention_backward_queries(
                                instructions.selector, dq, gradients.queries.rowStride, work, &open, &$0)
                        }
                    }
                }
            }
        }
        let dk = gradients.keys.pointer(row: row, head: h, rank: r)
        let dv = gradients.values.pointer(row: row, head: h, rank: rv)
        drrl_attention_backward_end(dk, gradients.keys.rowStride, dv, gradients.values.rowStride, work, &open)
        clear(dk + r, gradients.keys.rowStride, keys.count, max(0, (gradients.keys.headStride ?? r) - r))
        clear(dv + rv, gradients.values.rowStride, keys.count, max(0, (gradients.values.headStride ?? rv) - rv))
    }
}
