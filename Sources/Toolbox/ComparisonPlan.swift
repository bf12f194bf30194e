import DynamicRank
import Trainer
import Transformer
import Worker

/// What a comparison runs, resolved from the command line and the checkpoint's configuration.
struct ComparisonPlan {
    /// One context's table.
    struct Context {
        /// Tokens a window, and those that each but the first predicts.
        let context, stride: Int
        /// What all strategies share.
        let levels: [Level], segment: Int, basis: BasisSource
        /// Those that stand by themselves; the policy where the checkpoint has one.
        let strategies: [Entry: Strategy]
        /// In the table's order, full among them.
        let entries: [Entry]
        /// What nearest, per-layer and histogram are held against.
        let reference: Entry
    }

    let contexts: [Context]
    let repeats: Int
    /// Most windows to run; nil for all.
    let windows: Int?

    /// Throws `ConfigurationError` for a number, context, level or strategy that cannot be.
    init(_ options: CompareOptions, _ saved: SavedRun) throws(ConfigurationError) {
        for (name, value) in [("--repeats", options.repeats), ("--windows", options.windows)] {
            if let value, value < 1 { throw ConfigurationError("\(name) is \(value); it must be at least 1") }
        }
        repeats = options.repeats ?? 3
        windows = options.windows
        try EvaluationPlan.check(threads: options.common.threads)
        let asked = options.attention
        guard asked.attention == nil, asked.rank == nil, asked.level == nil else {
            throw ConfigurationError(
                "--attention, --rank and --level are for evaluate; compare takes --strategies and --levels")
        }
        let named = try options.strategies.map { (text) throws(ConfigurationError) in
            try Self.entries(text, option: "--strategies", among: Entry.allCases)
        }
        let reference = try options.reference.map { (text) throws(ConfigurationError) in
            try Self.entries(text, option: "--reference", among: Entry.references)[0]
        }
        var contexts: [Context] = []
        for context in try Self.contexts(options.contexts, most: saved.model.context) {
            contexts.append(
                try Context(context, stride: options.stride, asked, saved, named: named, reference: reference))
        }
        self.contexts = contexts
    }

    private static func contexts(_ text: String?, most: Int) throws(ConfigurationError) -> [Int] {
        guard let text else { return [most] }
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
        _ text: String, option: String, among choices: [Entry]
    ) throws(ConfigurationError) -> [Entry] {
        var entries: [Entry] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let entry = Entry(rawValue: String(part)), choices.contains(entry) else {
                throw ConfigurationError("\(option) \(text): \"\(part)\" is none; choose from \(Entry.names(choices))")
            }
            entries.append(entry)
        }
        return entries
    }
}

extension ComparisonPlan.Context {
    /// Throws `ConfigurationError` for a stride, level or strategy that cannot be.
    fileprivate init(
        _ context: Int, stride: Int?, _ asked: AttentionOptions, _ saved: SavedRun, named: [Entry]?, reference: Entry?
    ) throws(ConfigurationError) {
        func plan(_ entry: Entry) throws(ConfigurationError) -> EvaluationPlan {
            var own = asked
            own.attention = entry.rawValue
            // Each takes the options that are its own.
            if entry != .policy { (own.guard, own.epsilon, own.epsilonDecay) = (nil, nil, nil) }
            if entry != .policy, entry != .oracle { (own.alpha, own.beta, own.gamma) = (nil, nil, nil) }
            if entry != .policy, entry != .energy { own.energy = nil }
            if entry.namesNoLevels { own.basis = nil }
            if entry != .performer { own.features = nil }
            if entry != .nystrom { own.landmarks = nil }
            return try EvaluationPlan(context: context, stride: stride, own, saved)
        }
        let full = try plan(.full)
        self.context = context
        self.stride = full.stride
        levels = full.ranks.levels
        segment = full.ranks.segment
        basis = try plan(.energy).ranks.basis
        var holdsPolicy = false
        if let ranks = saved.ranks, case .policy = ranks.strategy {
            holdsPolicy = ranks.levels == levels && ranks.segment == segment
        }
        // A policy that is asked for and not there is refused by name when it is read.
        let wantsPolicy = holdsPolicy || named?.contains(.policy) == true || reference == .policy
        var strategies: [Entry: Strategy] = [:]
        for entry in Entry.allCases where !entry.isDerived && (entry != .policy || wantsPolicy) {
            strategies[entry] = try plan(entry).ranks.strategy
        }
        self.strategies = strategies
        entries = Entry.allCases.filter { $0 == .full || named?.contains($0) ?? ($0 != .policy || holdsPolicy) }
        self.reference = reference ?? (holdsPolicy ? .policy : .energy)
    }
}
