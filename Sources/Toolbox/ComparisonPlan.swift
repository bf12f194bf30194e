import CommandLine
import LowRank
import Model
import Options
import Worker

/// What a comparison runs, resolved from the command line and the checkpoint's configuration.
struct ComparisonPlan {
    /// One context's table.
    struct Context {
        /// Tokens a window, and those that each but the first predicts.
        let context, stride: Int
        /// What all strategies share.
        let levels: [Level], segment: Int, basis: BasisSource, exact: ExactTokens?, values: ValueMeasure
        /// Those that stand by themselves; the policy where the checkpoint has one.
        let modes: [ComparisonEntry: any AttentionMode]
        /// In the table's order, full among them.
        let entries: [ComparisonEntry]
        /// What nearest, per-layer and histogram are held against.
        let reference: ComparisonEntry
    }

    let contexts: [Context]
    let repeats: Int
    /// Most windows to run; nil for all.
    let windows: Int?
    /// Shares of full attention's scores and values that rows are to keep within.
    let budgets: [Double]
    /// Windows in which recall is measured, and pairs of each; nil for none.
    let needles: (windows: Int, pairs: Int)?
    /// How ceilings are found; nil for none.
    let oracle: Oracle?

    /// What ceilings by exact divergence are measured on.
    struct Oracle {
        /// Most windows.
        let windows: Int
        /// Nil for those that `allocated` takes.
        let levels: [Level]?
    }

    /// - Parameter holdsForecast: whether the checkpoint says what a token's own input tells of losses.
    /// - Throws: `ConfigurationError` for a number, context, level or strategy that cannot be.
    init(_ options: CompareOptions, _ saved: SavedRun, holdsForecast: Bool) throws(ConfigurationError) {
        typealias Own = ComparisonOptions
        let given = options.own.values
        repeats = try given.value(of: Own.repeats)
        windows = try given.value(of: Own.windows)
        budgets = try given[Own.budgets].map { (text) throws(ConfigurationError) in try Self.budgets(text) } ?? []
        let pairs = try given.value(of: Own.needlePairs)
        needles = try given.value(of: Own.needles).map { ($0, pairs) }
        oracle = try Self.oracle(given, budgets, headWidth: saved.model.headWidth)
        try EvaluationPlan.check(threads: options.common.threads)
        let asked = options.attention
        let ofEvaluate = [AttentionOptions.attention] + FixedLevels.options.flatMap(\.options)
        guard ofEvaluate.allSatisfy({ asked.values[$0] == nil }) else {
            throw ConfigurationError(
                "--attention, --rank and --level are for evaluate; compare takes --strategies and --levels")
        }
        let named = try given[Own.strategies].map { (text) throws(ConfigurationError) in
            try Self.entries(text, option: "--strategies", among: ComparisonEntry.all)
        }
        let reference = try given[Own.reference].map { (text) throws(ConfigurationError) in
            try Self.entries(text, option: "--reference", among: ComparisonEntry.references)[0]
        }
        let stride = try given.value(of: Own.stride)
        var contexts: [Context] = []
        for context in try Self.contexts(given[Own.contexts], saved.model) {
            contexts.append(
                try Context(
                    context, stride: stride, asked, saved, holdsForecast: holdsForecast, named: named, reference: reference))
        }
        self.contexts = contexts
    }

    private static func oracle(
        _ given: OptionValues, _ budgets: [Double], headWidth d: Int
    ) throws(ConfigurationError) -> Oracle? {
        typealias Own = ComparisonOptions
        let windows = try given.value(of: Own.oracleWindows)
        let levels = try given[Own.oracleLevels].map { (text) throws(ConfigurationError) in
            try Level.distinct(text, "--oracle-levels", d)
        }
        let most = windows ?? (levels == nil ? 0 : 1)
        guard most > 0 else { return nil }
        guard !budgets.isEmpty else {
            throw ConfigurationError("--oracle-windows and --oracle-levels find ceilings within --budgets; give some")
        }
        return Oracle(windows: most, levels: levels)
    }

    private static func budgets(_ text: String) throws(ConfigurationError) -> [Double] {
        var budgets: [Double] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let share = Double(part), share > 0, share <= 2 else {
                throw ConfigurationError("--budgets \(text): \"\(part)\" is no share above 0 and at most 2; write e.g. 0.6,0.75")
            }
            guard !budgets.contains(share) else { throw ConfigurationError("--budgets \(text): \(part) is given twice") }
            budgets.append(share)
        }
        return budgets
    }

    private static func contexts(_ text: String?, _ model: ModelConfiguration) throws(ConfigurationError) -> [Int] {
        guard let text else { return [model.context] }
        let most = model.longestContext
        var contexts: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let context = Int(part) else {
                throw ConfigurationError("--contexts \(text): \"\(part)\" is not a number of tokens; write e.g. 512,1024")
            }
            guard context >= 1, context <= most else {
                throw ConfigurationError(
                    "--contexts \(text): \(context) must lie between 1 and the model's context \(most)")
            }
            guard !contexts.contains(context) else {
                throw ConfigurationError("--contexts \(text): \(context) is given twice")
            }
            contexts.append(context)
        }
        return contexts
    }

    /// At least one.
    private static func entries(
        _ text: String, option: String, among choices: [ComparisonEntry]
    ) throws(ConfigurationError) -> [ComparisonEntry] {
        var entries: [ComparisonEntry] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let entry = choices.first(where: { $0.name == part }) else {
                throw ConfigurationError("\(option) \(text): \"\(part)\" is none; choose from \(ComparisonEntry.names(choices))")
            }
            entries.append(entry)
        }
        return entries
    }
}

extension ComparisonPlan.Context {
    /// - Throws: `ConfigurationError` for a stride, level or strategy that cannot be.
    fileprivate init(
        _ context: Int, stride: Int?, _ asked: AttentionOptions, _ saved: SavedRun, holdsForecast: Bool, named: [ComparisonEntry]?,
        reference: ComparisonEntry?
    ) throws(ConfigurationError) {
        func plan(_ mode: any AttentionMode.Type) throws(ConfigurationError) -> EvaluationPlan {
            typealias Own = AttentionOptions
            var own = asked
            // Each takes the options that are its own.
            let others = AttentionRegistry.options.filter { option in
                !mode.options.contains { $0.options.contains { $0.name == option.name } }
            }
            for option in others { own.values[option] = nil }
            if !(mode is any Strategy.Type) { for option in Own.belowFullRank { own.values[option] = nil } }
            // Rewards are measured where a level is for all keys.
            if (mode as? any Strategy.Type)?.measuresReward == true {
                (own.values[Own.exactRecent], own.values[Own.exactFirst]) = (nil, nil)
            }
            own.values[Own.attention] = mode.name
            return try EvaluationPlan(context: context, stride: stride, own, saved)
        }
        let full = try plan(FullAttention.self)
        self.context = context
        self.stride = full.stride
        segment = full.ranks.segment
        let shared = try plan(EnergyRule.self).ranks
        (levels, basis, exact, values) = (shared.levels, shared.basis, shared.exact, shared.values)
        let isCalibrated = saved.ranks.map { !$0.namesLevels && $0.exact != nil } ?? false
        let holdsPolicy = saved.ranks.map {
            $0.isLearned && $0.levels == shared.levels && $0.segment == full.ranks.segment
        } ?? false
        // A policy that is asked for and not there is refused by name when it is read.
        let wantsPolicy = holdsPolicy || named?.contains(where: \.isLearned) == true || reference?.isLearned == true
        var modes: [ComparisonEntry: any AttentionMode] = [:]
        // Asked for by name, it is refused by name.
        func isThere(_ entry: ComparisonEntry) -> Bool {
            if named?.contains(entry) == true { return true }
            let isCalibrated = isCalibrated && shared.exact != nil
            if entry.type == AllocatedLevelsByLayer.self { return isCalibrated }
            if entry.type == ForecastLevels.self { return isCalibrated && holdsForecast }
            if entry.isLearned { return saved.ranks?.name == entry.name || reference == entry }
            return saved.model.layer.rotation == nil || !entry.measuresReward
        }
        for entry in ComparisonEntry.all
        where entry.derived == nil && (!entry.isLearned || wantsPolicy) && isThere(entry) {
            guard let mode = entry.type as? any AttentionMode.Type else { continue }
            modes[entry] = try plan(mode).ranks.mode
        }
        self.modes = modes
        entries = ComparisonEntry.all.filter {
            $0.isFull || named?.contains($0) ?? ((!$0.isLearned || holdsPolicy) && isThere($0))
        }
        // Of several policies, that of the checkpoint.
        let own = saved.ranks.flatMap { ranks in ComparisonEntry.all.first { $0.name == ranks.name } }
        self.reference = reference ?? (holdsPolicy ? own : nil) ?? ComparisonEntry(type: EnergyRule.self)
    }
}
