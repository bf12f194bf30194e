import Transformer

/// Tries every level at rows of the segment before, where the reward can be known, and takes the best.
///
/// It is what exhaustion can do without looking ahead; `RewardModel` says in hindsight what would have been best.
struct Oracle: Sendable {
    let reward: RewardModel

    func decide(_ input: AttentionInput, _ batch: MicroBatch) -> Decisions {
        let options = reward.options, all = Array(options.levels.indices), L = batch.length
        let S = (L + options.segment - 1) / options.segment
        var levels: [Level] = []
        for b in 0..<batch.sequences {
            let sequence = sequence(b, of: input, batch)
            levels.append(options.levels[all.count - 1])
            for s in 1..<max(S, 1) {
                let rows = reward.rows(segment: s - 1, length: L, sample: batch.samples[b], layer: input.layer)
                let rewards = reward.rewards(
                    sequence, layer: input.layer, segment: s - 1, length: L, rows: rows, levels: all, overhead: 0)
                // The cheapest of equals.
                let best = all.max { (rewards[$0], $1) < (rewards[$1], $0) } ?? all.count - 1
                levels.append(options.levels[best])
            }
        }
        return Decisions(levels: SegmentLevels(segment: options.segment, segments: S, levels: levels))
    }
}
