import DynamicRank
import Transformer

/// What the guard allows where nothing is said. docs/policy.md says how these were found.
public enum GuardDefaults {
    public static let epsilon = 0.3
    public static let decay = 0.9995
}

extension AttentionOptions {
    /// Throws `ConfigurationError` where options of the agent are given to a strategy that has none.
    func requireAgent(_ strategy: String) throws(ConfigurationError) {
        if strategy != "policy", `guard` != nil || epsilon != nil || epsilonDecay != nil {
            throw ConfigurationError("--guard, --epsilon and --epsilon-decay are for --attention policy, not \(strategy)")
        }
        if strategy != "policy", strategy != "oracle", alpha != nil || beta != nil || gamma != nil {
            throw ConfigurationError("--alpha, --beta and --gamma are for --attention policy or oracle, not \(strategy)")
        }
    }

    func energyShare() throws(ConfigurationError) -> Double {
        let share = energy ?? 0.95
        guard share > 0, share <= 1 else {
            throw ConfigurationError("--energy is \(share); it must be above 0 and at most 1")
        }
        return share
    }

    func rewardWeights() throws(ConfigurationError) -> RewardWeights {
        var weights = RewardWeights()
        for (name, value, path) in [
            ("--alpha", alpha, \RewardWeights.alpha), ("--beta", beta, \.beta), ("--gamma", gamma, \.gamma),
        ] {
            guard let value else { continue }
            guard value >= 0, value.isFinite else {
                throw ConfigurationError("\(name) is \(value); it must be a finite number, 0 or more")
            }
            weights[keyPath: path] = value
        }
        return weights
    }

    /// Nil where it is off.
    fileprivate func tolerance() throws(ConfigurationError) -> Guard? {
        switch `guard` ?? "on" {
        case "on":
            do {
                return try Guard(
                    epsilon: epsilon ?? GuardDefaults.epsilon, decay: epsilonDecay ?? GuardDefaults.decay)
            } catch {
                throw ConfigurationError("--\(error)")
            }
        case "off":
            guard epsilon == nil, epsilonDecay == nil else {
                throw ConfigurationError("--guard off excludes --epsilon and --epsilon-decay")
            }
            return nil
        case let other: throw ConfigurationError("--guard \(other): choose on or off")
        }
    }
}

extension PolicyOptions {
    /// Throws `ConfigurationError` where any is given.
    func requireNone(_ strategy: String) throws(ConfigurationError) {
        for (name, isGiven) in [
            ("--rl-weight", rlWeight != nil), ("--discount", discount != nil), ("--policy-update", policyUpdate != nil),
            ("--warm-start", warmStart != nil), ("--policy-seed", policySeed != nil), ("--new-policy", newPolicy),
        ] where isGiven {
            throw ConfigurationError("\(name) is for --attention policy, not \(strategy)")
        }
    }
}

extension AgentOptions {
    /// From the command line; without `policy` it does not learn. Throws `ConfigurationError` for a value that cannot be.
    init(_ options: AttentionOptions, _ policy: PolicyOptions?) throws(ConfigurationError) {
        self.init()
        reward = try options.rewardWeights()
        tolerance = try options.tolerance()
        energy = try options.energyShare()
        guard let policy else { return }
        if let value = policy.rlWeight {
            guard value >= 0, value.isFinite else {
                throw ConfigurationError("--rl-weight is \(value); it must be a finite number, 0 or more")
            }
            weight = value
        }
        if let value = policy.discount {
            guard value >= 0, value <= 1 else {
                throw ConfigurationError("--discount is \(value); it must lie between 0 and 1")
            }
            discount = value
        }
        if let name = policy.policyUpdate {
            guard let rule = Update(rawValue: name) else {
                throw ConfigurationError(
                    "--policy-update \(name): choose \(Update.allCases.map(\.rawValue).joined(separator: " or "))")
            }
            update = rule
        }
        if let value = policy.warmStart {
            guard value >= 0, value <= 1_000_000_000 else {
                throw ConfigurationError("--warm-start is \(value); it must lie between 0 and 1000000000 steps")
            }
            warmStart = value
        }
        seed = policy.policySeed
    }

    /// The command line's options that give these again, by name.
    var options: [(String, String?)] {
        reward.options + [
            ("energy", "\(energy)"), ("guard", tolerance == nil ? "off" : "on"), ("epsilon", tolerance.map { "\($0.epsilon)" }),
            ("epsilon-decay", tolerance.map { "\($0.decay)" }), ("rl-weight", "\(weight)"), ("discount", "\(discount)"),
            ("policy-update", update.rawValue), ("warm-start", "\(warmStart)"), ("policy-seed", seed.map { "\($0)" }),
        ]
    }
}

extension RewardWeights {
    /// The command line's options that give these again, by name.
    var options: [(String, String?)] { [("alpha", "\(alpha)"), ("beta", "\(beta)"), ("gamma", "\(gamma)")] }
}
