import Model
import Options

/// Every level tried at rows of the segment before, where the reward can be known, and the best taken; the largest at first.
///
/// It is what exhaustion can do without looking ahead; `RewardModel` says in hindsight what would have been best.
public struct OracleStrategy: Strategy {
    public static let name = "oracle"
    public static let measuresReward = true
    public static let options = [RewardWeights.group]

    public let weights: RewardWeights

    public init(_ weights: RewardWeights) { self.weights = weights }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        weights = try RewardWeights(given)
    }

    public var values: [(option: any AnyOption, text: String?)] { weights.values }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let reward = pass.rewardModel(weights)
        return { Self.decide($0, $1, reward) }
    }

    private static func decide(_ input: AttentionInput, _ batch: MicroBatch, _ reward: RewardModel) -> Decisions {
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

    private enum CodingKeys: String, CodingKey { case weights = "_0" }
}

extension AttentionMode where Self == OracleStrategy {
    public static func oracle(_ weights: RewardWeights) -> OracleStrategy { OracleStrategy(weights) }
}
