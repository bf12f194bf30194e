import DynamicRank
import Transformer

extension RankOptions {
    /// From the command line; `policy` where one may be trained. Throws `ConfigurationError` for a strategy, level, segment
    /// or agent that cannot be.
    public init(
        _ options: AttentionOptions, policy: PolicyOptions? = nil, headWidth d: Int, context: Int
    ) throws(ConfigurationError) {
        let name = options.attention ?? "full"
        let segment = try Self.segment(options.segment, context: context)
        if name == "fixed", options.namesLevels {
            throw ConfigurationError(
                "--levels, --rank-min, --rank-max and --rank-step list what a strategy chooses from; "
                    + "--attention fixed runs at one: use --level or --rank")
        }
        if name != "fixed", options.rank != nil || options.level != nil {
            throw ConfigurationError("--rank and --level are for --attention fixed, not \(name)")
        }
        if name != "energy", name != "policy", options.energy != nil {
            throw ConfigurationError("--energy is for --attention energy or policy, not \(name)")
        }
        try options.requireAgent(name)
        if name != "policy" { try policy?.requireNone(name) }
        try options.requireKernel(name)
        let basis = try options.basisSource(name)
        do {
            let levels = try Self.levels(options, headWidth: d)
            switch name {
            case "full": self.init(strategy: .full, levels: levels, segment: segment)
            case "random": self.init(strategy: .random(), levels: levels, segment: segment)
            case "energy":
                self.init(strategy: .energy(try options.energyShare()), levels: levels, segment: segment)
            case "fixed":
                let fixed = try Self.fixedLevels(options)
                for level in fixed { _ = try LevelList([level], headWidth: d) }
                self.init(strategy: .fixed(fixed), levels: fixed, segment: segment)
            case "policy":
                self.init(strategy: .policy(try AgentOptions(options, policy)), levels: levels, segment: segment)
            case "oracle":
                self.init(strategy: .oracle(try options.rewardWeights()), levels: levels, segment: segment)
            case "performer": self.init(strategy: try options.performer(headWidth: d), levels: levels, segment: segment)
            case "nystrom": self.init(strategy: try options.nystrom(segment: segment), levels: levels, segment: segment)
            default:
                throw ConfigurationError(
                    "--attention \(name): choose full, fixed, random, energy, policy, oracle, performer or nystrom")
            }
        } catch let error as LevelError {
            throw ConfigurationError("\(error)")
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError("\(error)")
        }
        if strategy.namesLevels { self.basis = basis }
    }

    private static func fixedLevels(_ options: AttentionOptions) throws -> [Level] {
        switch (options.rank, options.level) {
        case (let rank?, nil):
            guard rank >= 1 else { throw ConfigurationError("--rank is \(rank); it must be at least 1") }
            return [Level(scoreRank: rank, valueRank: rank)]
        case (nil, let text?):
            return try text.split(separator: ",", omittingEmptySubsequences: false).map { try Level(parsing: String($0)) }
        default: throw ConfigurationError("--attention fixed needs one of --rank R and --level S:V")
        }
    }

    private static func levels(_ options: AttentionOptions, headWidth d: Int) throws -> [Level] {
        let hasRange = options.hasRange
        if let text = options.levels {
            guard !hasRange else {
                throw ConfigurationError("--levels excludes --rank-min, --rank-max and --rank-step; give one or the other")
            }
            return try LevelList(parsing: text, headWidth: d).levels
        }
        guard hasRange else { return defaultLevels(headWidth: d) }
        return try LevelList(
            rankMin: options.rankMin ?? 16, rankMax: options.rankMax ?? 64, step: options.rankStep ?? 8, headWidth: d
        ).levels
    }

    /// The one asked for, which must divide the context; else the largest of 16 to 128 that does, or the next beyond.
    private static func segment(_ asked: Int?, context: Int) throws(ConfigurationError) -> Int {
        // To decide for fewer tokens costs more than it saves.
        let divisors = (1...context).filter { context % $0 == 0 }, worthwhile = divisors.filter { $0 >= 16 }
        guard let asked else { return worthwhile.last { $0 <= 128 } ?? worthwhile.first ?? context }
        guard asked >= 1, context % asked == 0 else {
            let fits = divisors.map(String.init).joined(separator: ", ")
            throw ConfigurationError("--segment \(asked) does not divide --context \(context); segments that do: \(fits)")
        }
        return asked
    }

    /// What a person is told of attention that is not full.
    var summary: String? {
        switch strategy {
        case .full: nil
        case .performer(let features): "performer, \(features) features a head"
        case .nystrom(let landmarks): "nystrom, \(landmarks) landmarks for each segment of \(segment) tokens"
        default:
            "\(strategy.name), levels \(levels.map(\.description).joined(separator: ",")), segments of \(segment) tokens, "
                + "\(basis.rawValue) bases"
        }
    }

    /// The command line's options that give these again, by name.
    var options: [(String, String?)] {
        let isFixed: Bool
        var own: [(String, String?)] = [("attention", strategy.name), ("segment", "\(segment)")]
        switch strategy {
        case .fixed(let fixed): own.append(("level", fixed.map(\.description).joined(separator: ","))); isFixed = true
        case .energy(let share): own.append(("energy", "\(share)")); isFixed = false
        case .policy(let agent): own += agent.options; isFixed = false
        case .oracle(let weights): own += weights.options; isFixed = false
        case .performer(let features): own.append(("features", "\(features)")); isFixed = false
        case .nystrom(let landmarks): own.append(("landmarks", "\(landmarks)")); isFixed = false
        case .full, .random: isFixed = false
        }
        if strategy.namesLevels { own.append(("basis", basis.rawValue)) }
        if !isFixed { own.append(("levels", levels.map(\.description).joined(separator: ","))) }
        return own
    }
}

extension AttentionOptions {
    /// Whether levels are given as a range.
    fileprivate var hasRange: Bool { rankMin != nil || rankMax != nil || rankStep != nil }
    /// Whether a list of levels is given, one by one or as a range.
    public var namesLevels: Bool { levels != nil || hasRange }

    /// Throws `ConfigurationError` for a basis that is none, or one for a strategy that names no levels.
    fileprivate func basisSource(_ strategy: String) throws(ConfigurationError) -> BasisSource {
        guard let basis else { return .resident }
        guard !Strategy.withoutLevels.contains(strategy) else {
            throw ConfigurationError("--basis is for --attention below full rank, not \(strategy)")
        }
        guard let source = BasisSource(rawValue: basis) else {
            throw ConfigurationError(
                "--basis \(basis): choose \(BasisSource.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        return source
    }
}
