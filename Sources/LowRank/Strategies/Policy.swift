import Model
import Options

/// The level that the trained policy draws, or finds likeliest.
public struct LearnedPolicy: Strategy {
    public static let name = "policy"
    public static let isLearned = true
    public static let isReference = true

    static let `guard` = DefaultedOption<Switch>(
        "guard", "on|off", "For policy: on, or off to let it take any level", default: .on, isText: true,
        excludes: ["epsilon", "epsilon-decay"])
    static let epsilon = DefaultedOption<Double>(
        "epsilon", "ε", "The guard's largest change in the scores, at first", default: Guard.defaultEpsilon, .notNegative)
    static let epsilonDecay = DefaultedOption<Double>(
        "epsilon-decay", "share", "What it is multiplied by each step", default: Guard.defaultDecay,
        Limit("it must be above 0 and at most 1") { $0 > 0 && $0 <= 1 })

    static let weight = DefaultedOption<Double>(
        "rl-weight", "λ", "Weight λ of the policy's loss", default: AgentOptions().weight, .notNegative, isForTraining: true)
    static let discount = DefaultedOption<Double>(
        "discount", "share", "What a return keeps of the next segment's, 0 to 1", default: AgentOptions().discount,
        Limit("it must lie between 0 and 1") { $0 >= 0 && $0 <= 1 }, isForTraining: true)
    static let update = DefaultedOption<AgentOptions.Update>(
        "policy-update", "rule", "reinforce, or ppo: three epochs on the clipped ratio", default: AgentOptions().update,
        isForTraining: true)
    static let warmStart = DefaultedOption<Int>(
        "warm-start", "n", "Steps that first imitate the energy rule", default: AgentOptions().warmStart,
        Limit("it must lie between 0 and 1000000000 steps") { (0...1_000_000_000).contains($0) }, isForTraining: true)
    static let seed = NamedOption<UInt64>(
        "policy-seed", "n", "Decides the policy's first weights and its draws", otherwise: "\(option: "seed")",
        isForTraining: true)

    public static let options = [
        EnergyRule.shareGroup, RewardWeights.group,
        AttentionOptionGroup([`guard`, epsilon, epsilonDecay], standsTogether: true),
    ] + ([weight, discount, update, warmStart, seed] as [any AnyOption]).map { AttentionOptionGroup([$0]) }

    /// What the policy learns for, and how.
    public let agent: AgentOptions

    public init(_ agent: AgentOptions) { self.agent = agent }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        var agent = AgentOptions()
        agent.reward = try RewardWeights(given)
        agent.tolerance = try Self.tolerance(given)
        agent.energy = try EnergyRule.shareToKeep(given)
        agent.weight = try given.value(of: Self.weight)
        agent.discount = try given.value(of: Self.discount)
        agent.update = try given.value(of: Self.update)
        agent.warmStart = try given.value(of: Self.warmStart)
        agent.seed = try given.value(of: Self.seed)
        self.agent = agent
    }

    /// Nil where the guard is off.
    private static func tolerance(_ given: OptionValues) throws(ConfigurationError) -> Guard? {
        let epsilon = try given.value(of: Self.epsilon), decay = try given.value(of: Self.epsilonDecay)
        switch try given.value(of: Self.guard) {
        case .on:
            do {
                return try Guard(epsilon: epsilon, decay: decay)
            } catch {
                throw ConfigurationError("\(error)")
            }
        case .off:
            guard given[Self.epsilon] == nil, given[Self.epsilonDecay] == nil else {
                throw ConfigurationError(
                    "\(option: Self.guard.name) off excludes \(option: Self.epsilon.name) and "
                        + "\(option: Self.epsilonDecay.name)")
            }
            return nil
        }
    }

    public var values: [(option: any AnyOption, text: String?)] {
        agent.reward.values + [
            (EnergyRule.share, "\(agent.energy)"), (Self.guard, agent.tolerance == nil ? "off" : "on"),
            (Self.epsilon, agent.tolerance.map { "\($0.epsilon)" }),
            (Self.epsilonDecay, agent.tolerance.map { "\($0.decay)" }), (Self.weight, "\(agent.weight)"),
            (Self.discount, "\(agent.discount)"), (Self.update, agent.update.rawValue),
            (Self.warmStart, "\(agent.warmStart)"), (Self.seed, agent.seed.map { "\($0)" }),
        ]
    }

    /// The share of energy is the warm start's, not that of an evaluation by energy.
    public var keptValues: [(option: any AnyOption, text: String?)] {
        values.filter { $0.option.name != EnergyRule.share.name }
    }

    /// Values, gradients and two moments; what its encoder keeps of every segment, some 4 KiB of numbers.
    public func bytes(_ configuration: ModelConfiguration, _ options: RankOptions, on share: RankShare) -> Double {
        let shape = PolicyShape(inputWidth: configuration.width, levels: options.levels.count)
        let parameters = shape.parameters.reduce(0) { $0 + $1.count }
        return 16 * Double(parameters)
            + 4 * 4096 * Double(share.layers * share.sequences) * Double(options.segments(of: configuration.context))
    }

    public func makeAgent(_ rank: AgentRank) -> PolicyAgent? {
        PolicyAgent(
            agent, ranks: rank.options, configuration: rank.configuration, seed: rank.seed, sequences: rank.sequences,
            team: rank.team)
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        guard let policy = pass.agent else { preconditionFailure("a pass of the policy without what makeAgent made") }
        let facts = PolicyAgent.PassFacts(
            layers: pass.layerFacts(), reward: pass.rewardModel(agent.reward),
            energyLevels: pass.energyLevels(keeping: agent.energy), firstLayer: pass.firstLayer, step: pass.step,
            learns: pass.isTraining, upkeep: pass.isTraining ? pass.upkeepFLOPs : 0)
        return { policy.decide($0, $1, facts) }
    }

    private enum CodingKeys: String, CodingKey { case agent = "_0" }
}

extension RewardWeights {
    static let alphaOption = DefaultedOption<Double>(
        "alpha", "α", "For policy and oracle: the reward's weight of the outputs' similarity", default: RewardWeights().alpha,
        .notNegative)
    static let betaOption = DefaultedOption<Double>("beta", "β", "… of the FLOPs", default: RewardWeights().beta, .notNegative)
    static let gammaOption = DefaultedOption<Double>(
        "gamma", "γ", "… of the change in the scores", default: RewardWeights().gamma, .notNegative)
    static let group = AttentionOptionGroup([alphaOption, betaOption, gammaOption])

    /// From the options that were given.
    ///
    /// - Throws: `ConfigurationError` for a weight that is negative or not finite.
    init(_ given: OptionValues) throws(ConfigurationError) {
        self.init()
        for (option, path) in [
            (Self.alphaOption, \RewardWeights.alpha), (Self.betaOption, \.beta), (Self.gammaOption, \.gamma),
        ] {
            self[keyPath: path] = try given.value(of: option)
        }
    }

    /// The options that give these again.
    var values: [(option: any AnyOption, text: String?)] {
        [(Self.alphaOption, "\(alpha)"), (Self.betaOption, "\(beta)"), (Self.gammaOption, "\(gamma)")]
    }
}

extension AttentionMode where Self == LearnedPolicy {
    public static func policy(_ agent: AgentOptions) -> LearnedPolicy { LearnedPolicy(agent) }
}

extension AgentOptions.Update: OptionWord {}

/// What is on or off.
enum Switch: String, OptionWord {
    case on, off
}

extension Limit where Value == Double {
    fileprivate static let notNegative = Limit("it must be a finite number, 0 or more") { $0 >= 0 && $0.isFinite }
}
