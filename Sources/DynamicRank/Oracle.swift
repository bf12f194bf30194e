import Transformer

/// Tries every level at rows of the segment before, where the reward can be known, and takes the best.
///
/// It is what exhaustion can do without looking ahead; `RewardModel` says in hindsight what would have been best.
struct Oracle: Sendable {
    let reward: RewardModel

    func decide(_ input: AttentionInput, _ batch: MicroBatch) -> Decisions {
        let options = reward.options, all = Array(options.levels.indices), L = batch.length
        let S = options.segments(of: L)
        var levels: [Level] = []
        for b in 0..<batch.sequences {
            let sequence = sequence(b, of: input, batch)
            levels.append(options.levels[all.count - 1])
            for s in 1..<max(S, 1) {
                let rewards = reward.rewards(
                    sequence, layer: input.layer, sample: batch.samples[b], length: L,
                    [.levels(all, segment: s - 1)], overhead: 0)[0]
                levels.append(options.levels[PolicyGradient.greedy(rewards)])
            }
        }
        return Decisions(levels: SegmentLevels(segment: options.segment, segments: S, levels: levels))
    }
}
