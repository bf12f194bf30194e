import Synchronization
import Transformer

/// What levels that were taken were worth beside others, tried one by one afterwards: sums of rewards over segments.
public struct Regret: Sendable, Equatable {
    public var segments = 0
    /// Reward of the level taken, of the best of the list, of all of the list on average.
    public var taken = 0.0, best = 0.0, average = 0.0

    public init() {}

    /// How much worse than the best the levels taken were, as a share of what choosing blindly loses; 0 where nothing
    /// could be lost.
    public var share: Double { best > average ? (best - taken) / (best - average) : 0 }
}

/// Tries every level of the list where one was taken, at rows of that segment.
final class RegretMeter: Sendable {
    private let reward: RewardModel
    private let sums = Mutex(Regret())

    init(_ reward: RewardModel) { self.reward = reward }

    var regret: Regret { sums.withLock { $0 } }

    func look(back decisions: Decisions, _ input: AttentionInput, _ batch: MicroBatch) {
        let options = reward.options, all = Array(options.levels.indices), L = batch.length
        for b in 0..<batch.sequences {
            for (s, first) in stride(from: 0, to: L, by: options.segment).enumerated() {
                guard let taken = options.levels.firstIndex(of: decisions.levels[sequence: b, row: first]) else { continue }
                let rewards = reward.rewards(
                    sequence(b, of: input, batch), layer: input.layer, sample: batch.samples[b], length: L,
                    [.levels(all, segment: s)], overhead: 0)[0]
                sums.withLock {
                    $0.segments += 1
                    $0.taken += rewards[taken]
                    $0.best += rewards.max() ?? 0
                    $0.average += rewards.reduce(0, +) / Double(rewards.count)
                }
            }
        }
    }
}
