import DynamicRank
import Transformer

extension RankOptions {
    /// From the command line; `learning` where a policy may be trained.
    ///
    /// - Throws: `ConfigurationError` for a strategy, level, segment or option of one that cannot be.
    public init(
        _ options: AttentionOptions, learning: LearningOptions? = nil, headWidth d: Int, context: Int
    ) throws(ConfigurationError) {
        let name = options.attention ?? FullAttention.name
        let segment = try Self.segment(options.segment, context: context)
        guard let type = AttentionRegistry.mode(named: name) else {
            let names = AttentionRegistry.modes.map { $0.name }
            throw ConfigurationError("--attention \(name): choose \(AttentionRegistry.list(names, "or"))")
        }
        if let refusal = type.listRefusal, options.namesLevels {
            throw ConfigurationError(
                "--levels, --rank-min, --rank-max and --rank-step list what a strategy chooses from; "
                    + "--attention \(name) \(refusal)")
        }
        let given = options.mode.values.merging(learning?.values ?? OptionValues())
        try AttentionRegistry.requireOwn(given, type)
        let basis = try options.basisSource(type)
        let exact = try options.exactTokens(type), values = try options.valueMeasure(type)
        let list: [Level]
        do {
            list = try Self.levels(options, headWidth: d, exact: exact != nil)
        } catch {
            throw ConfigurationError("\(error)")
        }
        try self.init(type, given, list, OptionContext(headWidth: d, segment: segment))
        guard namesLevels else { return }
        self.basis = basis
        self.exact = exact
        self.values = values
    }

    private init<Mode: AttentionMode>(
        _ type: Mode.Type, _ given: OptionValues, _ list: [Level], _ shape: OptionContext
    ) throws(ConfigurationError) {
        let mode = try Mode(given, for: shape)
        self.init(mode: mode, levels: mode.levels(from: list), segment: shape.segment)
    }

    private static func levels(_ options: AttentionOptions, headWidth d: Int, exact: Bool) throws -> [Level] {
        let hasRange = options.hasRange
        if let text = options.levels {
            guard !hasRange else {
                throw ConfigurationError("--levels excludes --rank-min, --rank-max and --rank-step; give one or the other")
            }
            return try LevelList(parsing: text, headWidth: d).levels
        }
        guard hasRange else { return defaultLevels(headWidth: d, exact: exact) }
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
        if mode is FullAttention { return nil }
        let own = mode.summary(segment: segment)
        guard namesLevels else { return own }
        return "\(own), levels \(levels.map(\.description).joined(separator: ",")), segments of \(segment) tokens, "
            + "\(basis.rawValue) bases, "
            + (exact.map { "keys of \($0.recent + 1) segments and \($0.first) first tokens exact" } ?? "no key exact")
    }

    /// The command line's options that give these again, by name.
    var options: [(String, String?)] {
        var own: [(String, String?)] = [("attention", name), ("segment", "\(segment)")]
        own += mode.values.map { ($0.option.name, $0.text) }
        if namesLevels {
            own.append(("basis", basis.rawValue))
            own.append(("exact-recent", exact.map { "\($0.recent)" } ?? "off"))
            if let exact { own.append(("exact-first", "\(exact.first)")) }
            own.append(("value-basis", values.rawValue))
        }
        if type(of: mode).listRefusal == nil {
            own.append(("levels", levels.map(\.description).joined(separator: ",")))
        }
        return own
    }
}

extension AttentionOptions {
    /// Whether levels are given as a range.
    fileprivate var hasRange: Bool { rankMin != nil || rankMax != nil || rankStep != nil }
    /// Whether a list of levels is given, one by one or as a range.
    public var namesLevels: Bool { levels != nil || hasRange }

    /// - Throws: `ConfigurationError` for numbers that cannot be, or where no level is named.
    fileprivate func exactTokens(_ mode: any AttentionMode.Type) throws(ConfigurationError) -> ExactTokens? {
        guard let strategy = mode as? any Strategy.Type else {
            guard exactRecent == nil, exactFirst == nil else {
                throw ConfigurationError(
                    "--exact-recent and --exact-first are for --attention below full rank, not \(mode.name)")
            }
            return nil
        }
        let recent = exactRecent ?? (strategy.measuresReward ? "off" : "1")
        guard recent != "off" else {
            if exactFirst != nil {
                throw ConfigurationError("--exact-first needs --exact-recent; without it the level is for all keys")
            }
            return nil
        }
        guard let segments = Int(recent), segments >= 0, segments <= 1_000_000 else {
            throw ConfigurationError("--exact-recent \(recent): give a number of segments, 0 or more, or off")
        }
        let first = exactFirst ?? 4
        guard first >= 0, first <= 1_000_000_000 else {
            throw ConfigurationError("--exact-first is \(first); it must be 0 or more tokens")
        }
        return ExactTokens(recent: segments, first: first)
    }

    /// - Throws: `ConfigurationError` for a measure that is none, or where no level is named.
    fileprivate func valueMeasure(_ mode: any AttentionMode.Type) throws(ConfigurationError) -> ValueMeasure {
        guard let valueBasis else { return .loss }
        guard mode is any Strategy.Type else {
            throw ConfigurationError("--value-basis is for --attention below full rank, not \(mode.name)")
        }
        guard let measure = ValueMeasure(rawValue: valueBasis) else {
            throw ConfigurationError(
                "--value-basis \(valueBasis): choose \(ValueMeasure.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        return measure
    }

    /// - Throws: `ConfigurationError` for a basis that is none, or one where no level is named.
    fileprivate func basisSource(_ mode: any AttentionMode.Type) throws(ConfigurationError) -> BasisSource {
        guard let basis else { return .resident }
        guard mode is any Strategy.Type else {
            throw ConfigurationError("--basis is for --attention below full rank, not \(mode.name)")
        }
        guard let source = BasisSource(rawValue: basis) else {
            throw ConfigurationError(
                "--basis \(basis): choose \(BasisSource.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        return source
    }
}
