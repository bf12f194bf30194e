import DynamicRank
import Kernels
import Transformer
import Worker

// L tokens of one sequence, H heads; r, rv the ranks of the level.

extension Sublayer {
    /// Times at one level for every segment, and of its upkeep.
    func lowRankTimes(_ level: Level, segment: Int, _ timer: Timer) throws -> AttentionTimes {
        let engine = try RankEngine(
            configuration, layers: 0..<1,
            options: RankOptions(mode: .fixed([level]), levels: [level], segment: segment), seed: 1, team: team,
            now: monotonicSeconds)
        let input = AttentionInput(layer: 0, x: x, weight: weight, bias: bias)

        // A training step's own part; `fold` and levels come to nothing in the first, which gathers the first Grams.
        func keepUp(_ step: Int) throws -> LowRankPass {
            let pass = engine.trainingPass(step: step, of: stage)
            if engine.isReducing { stage.fold(pass) }
            pass.observe?(input, batch)
            try engine.endStep(step, with: NoPeers())
            return pass
        }
        _ = try keepUp(1)
        let pass = try keepUp(2)
        guard let levels = pass.levels(input, batch)?.levels else {
            preconditionFailure("a fixed level comes with the bases that the first step left")
        }
        let layer = LowRankLayer(pass.layers[0], attention, levels, on: team)
        func forward() {
            layer.forward(
                x, qkv: qkv, attended: attended, lse: lse, into: output, batch: batch, dropout: nil, layer: 0)
            addBias(projectionBias, to: branch, rows: batch.rows, on: team)
        }
        func backward() {
            biasBackward(dy: dbranch, dbias: dprojectionBias, on: team)
            layer.backward(
                dbranch: dbranch, x: x, qkv: qkv, attended: attended, lse: lse, dattended: dattended, dqkv: dqkv,
                delta: delta, dx: dx, batch: batch, dropout: nil, layer: 0)
        }
        // Touches all memory, and leaves queries, keys, values and gradients to attend to.
        forward()
        backward()

        let (operands, out) = packed(qkv, attended, level), (gradients, dout) = packed(dqkv, dattended, level)
        func attend() {
            attention.forward(
                operands, out: out, lse: lse, levels: levels, batch: batch, dropout: nil, layer: 0, on: team)
        }
        var times = AttentionTimes()
        times.attention.forward = timer.median(attend)
        times.attention.both = timer.median {
            attend()
            attention.backward(
                operands, out: out, lse: lse, dout: dout, gradients: gradients, delta: delta, levels: levels,
                batch: batch, dropout: nil, layer: 0, on: team)
        }
        times.sublayer.forward = timer.median(forward)
        times.sublayer.both = timer.median {
            forward()
            backward()
        }
        // Step 3 is none that looks at the bases: those are charged apart.
        let step = try timer.median { _ = try keepUp(3) }
        let look = try look(level, timer) / Double(RankEngine.UpkeepOptions().trackEvery)
        times.upkeep.forward = step + look
        times.upkeep.both = step + look + timer.median { stage.unfold(pass, layer: 0) }
        return times
    }

    /// Queries, keys and values, and outputs, as `LowRankLayer` packs them.
    private func packed(
        _ qkv: Buffer<Float>, _ attended: Buffer<Float>, _ level: Level
    ) -> (operands: Attention.Operands, out: HeadRows) {
        let columns = configuration.heads * level.scoreRank, valueColumns = configuration.heads * level.valueRank
        let n = batch.rows * columns
        return (
            Attention.Operands(
                queries: HeadRows(qkv[0..<n], rowStride: columns, headStride: nil),
                keys: HeadRows(qkv[n..<(2 * n)], rowStride: columns, headStride: level.scoreRank),
                values: HeadRows(
                    qkv[(2 * n)..<(2 * n + batch.rows * valueColumns)], rowStride: valueColumns,
                    headStride: level.valueRank)),
            HeadRows(attended, rowStride: valueColumns, headStride: nil)
        )
    }

    /// Seconds of a look at the bases where it costs most: checked, iterated in vain and decomposed again. Real looks
    /// mostly end at the check.
    private func look(_ level: Level, _ timer: Timer) throws -> Double {
        let heads = configuration.heads, d = configuration.headWidth
        let halves = (0..<2).map { _ in GramSet(layers: 1, heads: heads, headWidth: d) }
        let rows = batch.rows / 2, width = 3 * configuration.width
        linearForward(x, weight: weight, bias: bias, into: qkv, .upkeep, on: team)
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
