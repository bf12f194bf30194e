import Kernels
import Model
import Synchronization

// N layers of the model, E sequences of S segments, K levels.

/// What a training step taught the policy; the same on every rank.
public struct PolicyReport: Sendable, Equatable {
    /// Mean reward of a segment (Eq. 12), or of a token and layer in nats where the policy decides by token.
    public var reward = 0.0
    /// Mean entropy of the policy where it decided, in nats.
    public var entropy = 0.0
    /// Share of actions that the guard masked.
    public var maskedShare = 0.0
    /// ε_t of the step; nil without a guard.
    public var tolerance: Double?
    /// Of full attention's scores and values, what its likeliest levels execute; nil where it keeps no budget.
    public var executedShare: Double?
    /// What the budget makes of the price of FLOPs.
    public var priceMultiplier: Double?
}

/// The agent on one rank: the shared policy, its decisions for this stage's layers, and what they teach it.
///
/// Every rank has the same policy: gradients, returns and moments are summed over all ranks before they are used.
public final class PolicyAgent: Sendable {
    /// Segments of a sequence whose rewards are measured at once, since SGEMM is slow on a few rows.
    private static let segmentsAtOnce = 8

    public let options: AgentOptions
    public let network: PolicyNetwork
    let configuration: ModelConfiguration
    let ranks: RankOptions
    private let seed: UInt64
    let team: Team
    /// What the step under way has decided so far.
    let memory = Mutex<[Episodes]>([])
    /// Returns by layer and segment, [N, S], that earlier steps led to expect.
    let baseline: Buffer<Float>
    /// Steps it has learnt from, warm start included, and updates of Adam.
    let progress: Buffer<Float>

    /// - Parameter sequences: sequences of the largest micro-batch that it learns from.
    public init(
        _ options: AgentOptions, ranks: RankOptions, configuration: ModelConfiguration, seed: UInt64, sequences: Int,
        team: Team
    ) {
        let segments = ranks.segments(of: configuration.context)
        self.options = options
        self.ranks = ranks
        self.configuration = configuration
        self.seed = options.seed ?? seed
        self.team = team
        network = PolicyNetwork(
            PolicyShape(inputWidth: configuration.width, levels: ranks.levels.count),
            rows: sequences * segments, seed: self.seed, team: team)
        baseline = Buffer(count: configuration.layers * segments, repeating: 0)
        progress = Buffer(count: 2, repeating: 0)
    }

    var age: Int { Int(progress[0]) }

    /// Whether the policy still imitates the energy rule.
    var isWarmingUp: Bool { age < options.warmStart }

    /// ε_t; nil without a guard.
    var tolerance: Double? { options.tolerance?.tolerance(step: age) }

    // MARK: Deciding

    /// What a pass knows of the stage's layers.
    struct PassFacts: Sendable {
        let layers: [LayerFacts]
        let reward: RewardModel
        /// By layer of the stage: the level of the energy rule.
        let energyLevels: [Int]
        let firstLayer: Int
        let step: Int
        /// Whether it draws, measures and remembers; else it takes the likeliest level.
        let learns: Bool
        /// FLOPs of upkeep a segment, which rewards are charged with.
        let upkeep: Int
    }

    /// The levels of a layer for each segment of each sequence.
    func decide(_ input: AttentionInput, _ batch: MicroBatch, _ now: PassFacts) -> Decisions {
        let own = input.layer - now.firstLayer, perturbations = now.reward.layers[own].perturbations
        let state = PolicyState(input.x, batch: batch, segment: ranks.segment, layer: now.layers[own], on: team)
        let E = state.episodes, S = state.segments
        let imitates = now.learns && isWarmingUp
        let allowed = allowedActions(perturbations)
        var actions = Array(repeating: 0, count: E * S), chances = Array(repeating: 0.0, count: E * S)
        let draw = LevelDraw(seed: seed, step: now.step)
        let embedding = network.unroll(state) { s, logits in
            (0..<E).map { e in
                let row = logits[(e * ranks.levels.count)..<((e + 1) * ranks.levels.count)].array.map(Double.init)
                let chance = PolicyGradient.logProbabilities(row, allowed: allowed)
                let level = switch (now.learns, imitates) {
                case (false, _): PolicyGradient.greedy(chance)
                case (_, true): now.energyLevels[own]
                case (_, false):
                    PolicyGradient.sample(chance, draw: draw(sample: batch.samples[e], layer: input.layer, segment: s))
                }
                actions[e * S + s] = level
                chances[e * S + s] = chance[level]
                return level
            }
        }
        let policyFLOPs = network.takeFLOPs()
        team.flops.add(policyFLOPs, .policy)
        var decisions = Decisions(levels: SegmentLevels(
            segment: ranks.segment, segments: S, levels: actions.map { ranks.levels[$0] }))
        if !imitates { decisions.logProbabilities = chances }
        guard now.learns else { return decisions }
        decisions.measureRewards = { [self, actions, chances] output in
            let rewards = measure(actions, input, batch, output, now, overhead: policyFLOPs / (E * S) + now.upkeep)
            memory.withLock {
                $0.append(Episodes(
                    layer: input.layer, state: state, embedding: embedding, allowed: imitates ? allowed.map { _ in true } : allowed,
                    actions: actions, logProbabilities: chances, rewards: rewards))
            }
            return rewards
        }
        return decisions
    }

    /// Eq. 10 before sampling.
    private func allowedActions(_ perturbations: [Double]) -> [Bool] {
        options.tolerance?.mask(perturbations: perturbations, step: age) ?? perturbations.map { _ in true }
    }

    private func measure(
        _ actions: [Int], _ input: AttentionInput, _ batch: MicroBatch, _ output: AttentionOutput, _ now: PassFacts,
        overhead: Int
    ) -> [Double] {
        let S = actions.count / batch.sequences, rewards = Buffer<Double>(uninitialized: actions.count)
        let groups = (S + Self.segmentsAtOnce - 1) / Self.segmentsAtOnce
        // Later segments see more and take longer, so they go first.
        team.tasks(groups * batch.sequences) { task, _ in
            let b = task % batch.sequences, first = (groups - 1 - task / batch.sequences) * Self.segmentsAtOnce
            let segments = first..<min(first + Self.segmentsAtOnce, S)
            let given: RewardModel.Given = { output.head($0, sequence: b, row: $1) }
            let measured = now.reward.rewards(
                sequence(b, of: input, batch), layer: input.layer, sample: batch.samples[b], length: batch.length,
                segments.map { s in
                    let level = actions[b * S + s]
                    // Dropped weights are no fault of the level; it is tried without.
                    return output.hasDropout ? .levels([level], segment: s) : .ran(level, given, segment: s)
                }, overhead: overhead)
            for (s, reward) in zip(segments, measured) { rewards[b * S + s] = reward[0] }
        }
        return rewards.array
    }
}
