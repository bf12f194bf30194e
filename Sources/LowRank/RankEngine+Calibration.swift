import Kernels
import LinearAlgebra
import Model

/// Bases and losses from passes at full attention, for a model whose training left none.
extension RankEngine {
    /// Adds to the Grams what a backward pass shows of a layer: queries, keys, values, and gradients of outputs.
    ///
    /// - Parameter scale: what the loss was multiplied with, which is undone.
    public func gatherer(scale: Float) -> AttentionObserver {
        let first = layers.lowerBound
        return { [gathered, team, configuration] seen in
            let shape = configuration.layer.attention, rows = seen.batch.rows, layer = seen.layer - first
            gathered.accumulate(seen.qkv, rows: rows, layer: layer, shape, on: team)
            gathered.accumulate(
                outputGradients: seen.outputGradients, times: 1 / Double(scale), rows: rows, layer: layer, shape, on: team)
        }
    }

    /// What was gathered, to be summed over ranks before `takeGathered`.
    public var gatheredSums: Buffer<Double> { gathered.values }

    /// Puts what was gathered in the Grams' place, and decomposes them.
    ///
    /// - Throws: `LAPACKError`.
    public func takeGathered() throws(LAPACKError) {
        grams.values.copy(from: gathered.values)
        gathered.values.fill(0)
        bases.values.fill(0)
        _ = try tracker.update(bases, to: grams, on: team, now: now)
        adopt()
    }

    /// A pass in which one layer attends at a level and the others in full.
    public func pass(ofLayer layer: Int, at level: Level) -> LowRankPass {
        pass { [options] own, batch in own == layer ? options.decisions(for: batch) { _, _ in level }.levels : nil }
    }

    /// A pass at levels that are given, by layer of the model and micro-batch; in full where there are none.
    public func pass(
        at levels: @escaping @Sendable (_ layer: Int, _ batch: MicroBatch) -> SegmentLevels?
    ) -> LowRankPass {
        LowRankPass(layers: folded) { input, batch in levels(input.layer, batch).map { ChosenLevels($0) } }
    }

    /// The bases of a layer of this stage, as attention multiplies by them.
    public func basis(ofLayer layer: Int) -> AttentionBasis { attention[layer - layers.lowerBound] }
}
