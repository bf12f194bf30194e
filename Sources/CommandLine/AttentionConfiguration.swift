import LowRank
import Model
import Options

extension RankOptions {
    /// From the command line.
    ///
    /// - Parameters:
    ///   - given: what `AttentionOptions` lists, and `LearningOptions` where a policy may be trained.
    ///   - d: the head width.
    ///   - context: tokens of a sequence.
    /// - Throws: `ConfigurationError` for a strategy, level, segment or option of one that cannot be.
    public init(_ given: OptionValues, headWidth d: Int, context: Int) throws(ConfigurationError) {
        let segment = try Self.segment(given.value(of: AttentionOptions.segment), context: context)
        let type = try Self.mode(given)
        let exact = try Self.exactTokens(given, type)
        let list = try Self.levels(given, headWidth: d, exact: exact != nil)
        try self.init(type, given, list, OptionContext(headWidth: d, segment: segment))
        let basis = try given.value(of: AttentionOptions.basis), values = try given.value(of: AttentionOptions.valueBasis)
        guard namesLevels else { return }
        self.basis = basis
        self.exact = exact
        self.values = values
    }

    /// What `--attention` names, which must have all options that are given.
    private static func mode(_ given: OptionValues) throws(ConfigurationError) -> any AttentionMode.Type {
        let name = given[AttentionOptions.attention] ?? FullAttention.name
        guard let type = AttentionRegistry.mode(named: name) else {
            let names = AttentionRegistry.modes.map { $0.name }
            throw ConfigurationError("--attention \(name): choose \(AttentionRegistry.list(names, "or"))")
        }
        if let refusal = type.listRefusal, AttentionOptions.lists.contains(where: { given[$0] != nil }) {
            throw ConfigurationError(
                "--levels, --rank-min, --rank-max and --rank-step list what a strategy chooses from; "
                    + "--attention \(name) \(refusal)")
        }
        try AttentionRegistry.requireOwn(given, type)
        let needless = AttentionOptions.belowFullRank.filter { given[$0] != nil }
        if !(type is any Strategy.Type), let first = needless.first {
            let isExact = [AttentionOptions.exactRecent.name, AttentionOptions.exactFirst.name].contains(first.name)
            throw ConfigurationError(
                (isExact ? "--exact-recent and --exact-first are" : "--\(first.name) is")
                    + " for --attention below full rank, not \(name)")
        }
        return type
    }

    private init<Mode: AttentionMode>(
        _ type: Mode.Type, _ given: OptionValues, _ list: [Level], _ shape: OptionContext
    ) throws(ConfigurationError) {
        let mode = try Mode(given, for: shape)
        self.init(mode: mode, levels: mode.levels(from: list), segment: shape.segment)
    }

    private static func levels(
        _ given: OptionValues, headWidth d: Int, exact: Bool
    ) throws(ConfigurationError) -> [Level] {
        let least = try given.value(of: AttentionOptions.rankMin), most = try given.value(of: AttentionOptions.rankMax)
        let step = try given.value(of: AttentionOptions.rankStep), isRange = least != nil || most != nil || step != nil
        do {
            if let text = given[AttentionOptions.levels] {
                guard !isRange else {
                    throw ConfigurationError(
                        "--levels excludes --rank-min, --rank-max and --rank-step; give one or the other")
                }
                return try LevelList(parsing: text, headWidth: d).levels
            }
            guard isRange else { return defaultLevels(headWidth: d, exact: exact) }
            return try LevelList(rankMin: least ?? 16, rankMax: most ?? 64, step: step ?? 8, headWidth: d).levels
        } catch {
            throw ConfigurationError("\(error)")
        }
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

    /// Nil where no key is exact.
    private static func exactTokens(
        _ given: OptionValues, _ mode: any AttentionMode.Type
    ) throws(ConfigurationError) -> ExactTokens? {
        guard let strategy = mode as? any Strategy.Type else { return nil }
        let first = try given.value(of: AttentionOptions.exactFirst)
        switch try given.value(of: AttentionOptions.exactRecent) ?? (strategy.measuresReward ? .off : .segments(1)) {
        case .segments(let recent): return ExactTokens(recent: recent, first: first)
        case .off:
            guard given[AttentionOptions.exactFirst] == nil else {
                throw ConfigurationError("--exact-first needs --exact-recent; without it the level is for all keys")
            }
            return nil
        }
    }

    /// What a person is told of attention that is not full; nil where it is.
    public var summary: String? {
        if mode is FullAttention { return nil }
        let own = mode.summary(segment: segment)
        guard namesLevels else { return own }
        return "\(own), levels \(levels.map(\.description).joined(separator: ",")), segments of \(segment) tokens, "
            + "\(basis.rawValue) bases, "
            + (exact.map { "keys of \($0.recent + 1) segments and \($0.first) first tokens exact" } ?? "no key exact")
    }

    /// The options that give these again, in the order of `run.yaml`, with their values as text; nil for one that is not set.
    public var options: [(option: any AnyOption, text: String?)] {
        typealias Own = AttentionOptions
        var own: [(option: any AnyOption, text: String?)] = [(Own.attention, name), (Own.segment, segment.optionText)]
        own += mode.values
        if namesLevels {
            own.append((Own.basis, basis.optionText))
            own.append((Own.exactRecent, (exact.map { .segments($0.recent) } ?? ExactRecent.off).optionText))
            if let exact { own.append((Own.exactFirst, exact.first.optionText)) }
            own.append((Own.valueBasis, values.optionText))
        }
        if type(of: mode).listRefusal == nil {
            own.append((Own.levels, levels.map(\.description).joined(separator: ",")))
        }
        return own
    }
}
