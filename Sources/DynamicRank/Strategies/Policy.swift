import Transformer

/// The level that the trained policy draws, or finds likeliest.
public struct LearnedPolicy: Strategy {
    public static let name = "policy"
    public static let isLearned = true
    public static let isReference = true

    static let `guard` = AttentionOption(
        "guard", .text, "on|off", "For policy: on, or off to let it take any level (default: on).",
        excludes: ["epsilon", "epsilon-decay"])
    static let epsilon = AttentionOption(
        "epsilon", .number, "ε", "The guard's largest change in the scores, at first (default: \(Guard.defaultEpsilon)).")
    static let epsilonDecay = AttentionOption(
        "epsilon-decay", .number, "share", "What it is multiplied by each step (default: \(Guard.defaultDecay)).")

    static let weight = AttentionOption(
        "rl-weight", .number, "λ", "Weight λ of the policy's loss (default: 1).", isForTraining: true)
    static let discount = AttentionOption(
        "discount", .number, "share", "What a return keeps of the next segment's, 0 to 1 (default: 0.5).", isForTraining: true)
    static let update = AttentionOption(
        "policy-update", .word, "rule", "reinforce, or ppo: three epochs on the clipped ratio (default: reinforce).",
        isForTraining: true)
    static let warmStart = AttentionOption(
        "warm-start", .whole, "n", "Steps that first imitate the energy rule (default: 0).", isForTraining: true)
    static let seed = AttentionOption(
        "policy-seed", .seed, "n", "Decides the policy's first weights and its draws (default: --seed).", isForTraining: true)

    public static let options = [
        EnergyRule.shareGroup, RewardWeights.group,
        AttentionOptionGroup([`guard`, epsilon, epsilonDecay], standsTogether: true),
    ] + [weight, discount, update, warmStart, seed].map { AttentionOptionGroup([$0]) }

    /// What the policy learns for, and how.
    public let agent: AgentOptions

    public init(_ agent: AgentOptions) { self.agent = agent }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        var agent = AgentOptions()
        agent.reward = try RewardWeights(given)
        agent.tolerance = try Self.tolerance(given)
        agent.energy = try EnergyRule.shareToKeep(given)
        if let value = given.number(Self.weight) {
            guard value >= 0, value.isFinite else {
                throw ConfigurationError("--rl-weight is \(value); it must be a finite number, 0 or more")
            }
            agent.weight = value
        }
        if let value = given.number(Self.discount) {
            guard value >= 0, value <= 1 else {
                throw ConfigurationError("--discount is \(value); it must lie between 0 and 1")
            }
            agent.discount = value
        }
        if let name = given[Self.update] {
            guard let rule = AgentOptions.Update(rawValue: name) else {
                throw ConfigurationError(
                    "--policy-update \(name): choose "
                        + AgentOptions.Update.allCases.map(\.rawValue).joined(separator: " or "))
            }
            agent.update = rule
        }
        if let value = given.whole(Self.warmStart) {
            guard value >= 0, value <= 1_000_000_000 else {
                throw ConfigurationError("--warm-start is \(value); it must lie between 0 and 1000000000 steps")
            }
            agent.warmStart = value
        }
        agent.seed = given[Self.seed].flatMap { UInt64($0) }
        self.agent = agent
    }

    /// Nil where the guard is off.
    private static func tolerance(_ given: OptionValues) throws(ConfigurationError) -> Guard? {
        let epsilon = given.number(Self.epsilon), decay = given.number(Self.epsilonDecay)
        switch given[Self.guard] ?? "on" {
        case "on":
            do {
                return try Guard(epsilon: epsilon ?? Guard.defaultEpsilon, decay: decay ?? Guard.defaultDecay)
            } catch {
                throw ConfigurationError("--\(error)")
            }
        case "off":
            guard epsilon == nil, decay == nil else {
                throw ConfigurationError("--guard off excludes --epsilon and --epsilon-decay")
            }
            return nil
        case let other: throw ConfigurationError("--guard \(other): choose on or off")
        }
    }

    public var values: [(option: AttentionOption, text: String?)] {
        agent.reward.values + [
            (EnergyRule.share, "\(agent.energy)"), (Self.guard, agent.tolerance == nil ? "off" : "on"),
            (Self.epsilon, agent.tolerance.map { "\($0.epsilon)" }),
            (Self.epsilonDecay, agent.tolerance.map { "\($0.decay)" }), (Self.weight, "\(agent.weight)"),
            (Self.discount, "\(agent.discount)"), (Self.update, agent.update.rawValue),
            (Self.warmStart, "\(agent.warmStart)"), (Self.seed, agent.seed.map { "\($0)" }),
        ]
    }

    /// The share of energy is the warm start's, not that of an evaluation by energy.
    public var keptValues: [(option: AttentionOption, text: String?)] { values.filter { $0.option != EnergyRule.share } }

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
    static let alphaOption = AttentionOption(
        "alpha", .number, "α", "For policy and oracle: the reward's weight of the outputs' similarity (default: 1).")
    static let betaOption = AttentionOption("beta", .number, "β", "… of the FLOPs (default: 0.4)")
    static let gammaOption = AttentionOption("gamma", .number, "γ", "… of the change in the scores (default: 0.1).")
    static let group = AttentionOptionGroup([alphaOption, betaOption, gammaOption])

    /// From the options that were given.
    ///
    /// - Throws: `ConfigurationError` for a weight that is negative or not finite.
    init(_ given: OptionValues) throws(ConfigurationError) {
        self.init()
        for (option, path) in [
            (Self.alphaOption, \RewardWeights.alpha), (Self.betaOption, \.beta), (Self.gammaOption, \.gamma),
        ] {
            guard let value = given.number(option) else { continue }
            guard value >= 0, value.isFinite else {
                throw ConfigurationError("--\(option.name) is \(value); it must be a finite number, 0 or more")
            }
            self[keyPath: path] = value
        }
    }

    /// The options that give these again.
    var values: [(option: AttentionOption, text: String?)] {
        [(Self.alphaOption, "\(alpha)"), (Self.betaOption, "\(beta)"), (Self.gammaOption, "\(gamma)")]
    }
}

extension AttentionMode where Self == LearnedPolicy {
    public static func policy(_ agent: AgentOptions) -> LearnedPolicy { LearnedPolicy(agent) }
}
