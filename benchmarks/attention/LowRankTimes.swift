import Kernels
import LowRank
import Model
import Worker

// L tokens of one sequence, H heads; r, rv the ranks of the level.

extension Sublayer {
    /// Times at one level for every segment, and of its upkeep.
    func lowRankTimes(_ level: Level, segment: Int, _ timer: Timer) throws -> AttentionTimes {
        let engine = try RankEngine(
            configuration, layers: 0..<1,
            options: RankOptions(mode: .fixed([level]), levels: [level], segment: segment), seed: 1, team: team,
            now: monotonicSeconds)
        let input = stage.attentionInput(layer: 0, x)

        // A training step's own part; folding and levels come to nothing in the first, which gathers the first Grams.
        func keepUp(_ step: Int) throws -> LowRankPass {
            let pass = engine.trainingPass(step: step, of: stage)
            if engine.isReducing { stage.fold(pass) }
            pass.observe?(input, batch)
            try engine.endStep(step, with: NoPeers())
            return pass
        }
        _ = try keepUp(1)
        let lowRank = try keepUp(2)
        guard let sublayer = stage.attention(layer: 0, x, batch, lowRank), let levels = sublayer.levels else {
            preconditionFailure("a fixed level comes with the bases that the first step left")
        }
        // Touches all memory, and leaves queries, keys, values and gradients to attend to.
        forward(sublayer)
        backward(sublayer)

        let (operands, out) = packed(kept, level), (dqkv, dout) = packed(gradients, level)
        func attend() {
            attention.forward(
                operands, out: out, lse: kept.lse, levels: levels, batch: batch, dropout: nil, layer: 0, on: team)
        }
        var times = AttentionTimes()
        times.attention.forward = timer.median(attend)
        times.attention.both = timer.median {
            attend()
            attention.backward(
                operands, out: out, lse: kept.lse, dout: dout, gradients: dqkv, delta: delta, levels: levels,
                batch: batch, dropout: nil, layer: 0, on: team)
        }
        times.sublayer.forward = timer.median { forward(sublayer) }
        times.sublayer.both = timer.median {
            forward(sublayer)
            backward(sublayer)
        }
        // Step 3 is none that looks at the bases: those are charged apart.
        let step = try timer.median { _ = try keepUp(3) }
        let look = try look(level, timer) / Double(RankEngine.UpkeepOptions().trackEvery)
        times.upkeep.forward = step + look
        times.upkeep.both = step + look + timer.median {
            stage.fold(lowRank)
            stage.unfold(lowRank, layer: 0)
        } - timer.median { stage.fold(lowRank) }
        return times
    }

    /// Queries, keys and values, and outputs, as `LowRankLayer` packs them.
    private func packed(_ kept: KeptAttention, _ level: Level) -> (operands: Attention.Operands, out: HeadRows) {
        let qkv = kept.qkv
        let columns = configuration.heads * level.scoreRank, valueColumns = configuration.heads * level.valueRank
        let n = batch.rows * columns
        return (
            Attention.Operands(
                queries: HeadRows(qkv[0..<n], rowStride: columns, headStride: nil),
                keys: HeadRows(qkv[n..<(2 * n)], rowStride: columns, headStride: level.scoreRank),
                values: HeadRows(
                    qkv[(2 * n)..<(2 * n + batch.rows * valueColumns)], rowStride: valueColumns,
                    headStride: level.valueRank)),
            HeadRows(kept.attended, rowStride: valueColumns, headStride: nil)
        )
    }

    /// Seconds of a look at the bases where it costs most: checked, iterated in vain and decomposed again. Real looks
    /// mostly end at the check.
    private func look(_ level: Level, _ timer: Timer) throws -> Double {
        let heads = configuration.heads, d = configuration.headWidth
        let halves = (0..<2).map { _ in GramSet(layers: 1, heads: heads, headWidth: d) }
        let rows = batch.rows / 2, width = 3 * configuration.width
        let qkv = stage.attentionInput(layer: 0, x).projected(x, sequences: 1, from: 0, step: 1, as: .upkeep, on: team)
        for (i, grams) in halves.enumerated() {
            let half = qkv[(i * rows * width)..<((i + 1) * rows * width)]
            grams.accumulate(half, rows: rows, layer: 0, on: team)
        }
        let bases = BasisSet(layers: 1, heads: heads, headWidth: d)
        let tracker = BasisTracker(levels: [level], options: TrackingOptions(tolerance: 0))
        _ = try tracker.update(bases, to: halves[0], on: team, now: monotonicSeconds)
        var looks = 0
        return try timer.median {
            looks += 1
            let done = try tracker.update(bases, to: halves[looks % 2], on: team, now: monotonicSeconds)
            precondition(done.decomposed == 2 * heads, "\(done.decomposed) of \(2 * heads) bases were decomposed")
        }
    }
}
