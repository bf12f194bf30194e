import DynamicRank
import Trainer
import Transformer
import Worker

/// What an evaluation runs at, resolved from the command line and the checkpoint's configuration.
struct EvaluationPlan {
    /// Tokens a window.
    let context: Int
    /// Tokens that each window but the first predicts.
    let stride: Int
    let ranks: RankOptions

    /// Throws `ConfigurationError` for a window, stride, level or strategy that cannot be.
    init(
        context asked: Int?, stride askedStride: Int?, _ attention: AttentionOptions, _ saved: SavedRun
    ) throws(ConfigurationError) {
        let most = saved.model.context
        context = asked ?? most
        guard context >= 1, context <= most else {
            throw ConfigurationError("--context is \(context); it must lie between 1 and the model's context \(most)")
        }
        stride = askedStride ?? context
        guard stride >= 1, stride <= context else {
            throw ConfigurationError("--stride is \(stride); it must lie between 1 and the window's \(context) tokens")
        }
        ranks = try RankOptions(
            Self.filled(attention, from: saved.ranks, context: context), headWidth: saved.model.headWidth,
            context: context)
    }

    /// Throws `ConfigurationError` for a number of threads that cannot be.
    static func check(threads: Int?) throws(ConfigurationError) {
        if let threads, !(1...1024).contains(threads) {
            throw ConfigurationError("--threads is \(threads); it must lie between 1 and 1024")
        }
    }

    /// The options asked for, with the checkpoint's own in place of those that were not.
    private static func filled(_ asked: AttentionOptions, from saved: RankOptions?, context: Int) -> AttentionOptions {
        guard let saved else { return asked }
        var options = asked
        let name = asked.attention ?? saved.strategy.name
        options.attention = name
        switch saved.strategy {
        case .fixed(let fixed) where name == "fixed" && asked.rank == nil && asked.level == nil:
            options.level = fixed.map(\.description).joined(separator: ",")
        case .energy(let share) where name == "energy" && asked.energy == nil:
            options.energy = share
        case .policy(let agent) where name == "policy" || name == "oracle":
            options.fill(agent.reward)
            if name == "policy", asked.guard == nil, asked.epsilon == nil, asked.epsilonDecay == nil {
                options.guard = agent.tolerance == nil ? "off" : "on"
                options.epsilon = agent.tolerance?.epsilon
                options.epsilonDecay = agent.tolerance?.decay
            }
        case .oracle(let weights) where name == "oracle": options.fill(weights)
        case .performer(let features) where name == "performer" && asked.features == nil:
            options.features = features
        case .nystrom(let landmarks) where name == "nystrom" && asked.landmarks == nil:
            options.landmarks = landmarks
        default: break
        }
        // A run at one fixed level has no list of its own, and needs none.
        if case .fixed = saved.strategy {} else if !asked.namesLevels, name != "fixed" {
            options.levels = saved.levels.map(\.description).joined(separator: ",")
        }
        if asked.basis == nil, saved.strategy.namesLevels, !Strategy.withoutLevels.contains(name) {
            options.basis = saved.basis.rawValue
        }
        if asked.segment == nil, saved.segment >= 1, context % saved.segment == 0 { options.segment = saved.segment }
        return options
    }
}

extension AttentionOptions {
    /// Takes `weights` for those that were not asked for.
    fileprivate mutating func fill(_ weights: RewardWeights) {
        alpha = alpha ?? weights.alpha
        beta = beta ?? weights.beta
        gamma = gamma ?? weights.gamma
    }
}
