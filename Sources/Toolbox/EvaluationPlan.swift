import CommandLine
import LowRank
import Model
import Options
import Worker

/// What an evaluation runs at, resolved from the command line and the checkpoint's configuration.
struct EvaluationPlan {
    /// Tokens a window.
    let context: Int
    /// Tokens that each window but the first predicts.
    let stride: Int
    let ranks: RankOptions

    /// - Throws: `ConfigurationError` for a window, stride, level or strategy that cannot be.
    init(
        context asked: Int?, stride askedStride: Int?, _ attention: AttentionOptions, _ saved: SavedRun
    ) throws(ConfigurationError) {
        let most = saved.model.longestContext
        context = asked ?? saved.model.context
        guard context >= 1, context <= most else {
            throw ConfigurationError("--context is \(context); it must lie between 1 and the model's context \(most)")
        }
        stride = askedStride ?? context
        guard stride >= 1, stride <= context else {
            throw ConfigurationError("--stride is \(stride); it must lie between 1 and the window's \(context) tokens")
        }
        ranks = try RankOptions(
            Self.filled(attention, from: saved.ranks, context: context).values, headWidth: saved.model.headWidth,
            context: context)
        do {
            try ranks.check(saved.model)
        } catch {
            throw ConfigurationError("\(error)")
        }
    }

    /// - Throws: `ConfigurationError` for a number of threads that cannot be.
    static func check(threads: Int?) throws(ConfigurationError) {
        if let threads, !(1...ThreadCount.most).contains(threads) {
            throw ConfigurationError("--threads is \(threads); it must lie between 1 and \(ThreadCount.most)")
        }
    }

    /// The options asked for, with the checkpoint's own in place of those that were not.
    private static func filled(_ asked: AttentionOptions, from saved: RankOptions?, context: Int) -> AttentionOptions {
        guard let saved else { return asked }
        typealias Own = AttentionOptions
        var options = asked
        let name = asked.values[Own.attention] ?? saved.name
        options.values[Own.attention] = name
        // An unknown one is refused when it is resolved.
        guard let mode = AttentionRegistry.mode(named: name) else { return options }
        func isGiven(_ option: any AnyOption) -> Bool { asked.values[option] != nil }
        let kept = Dictionary(uniqueKeysWithValues: saved.mode.keptValues.map { ($0.option.name, $0.text) })
        for group in mode.options where !group.standsTogether || !group.options.contains(where: isGiven) {
            for option in group.options where !isGiven(option) { options.values[option] = kept[option.name] ?? nil }
        }
        // A run at fixed levels has no list of its own, and needs none.
        if type(of: saved.mode).listRefusal == nil, mode.listRefusal == nil, !asked.namesLevels {
            options.values[Own.levels] = saved.levels.map(\.description).joined(separator: ",")
        }
        if saved.namesLevels || saved.exact != nil, let strategy = mode as? any Strategy.Type {
            if !isGiven(Own.basis) { options.values[Own.basis] = saved.basis.optionText }
            if !isGiven(Own.valueBasis) { options.values[Own.valueBasis] = saved.values.optionText }
            if !isGiven(Own.exactRecent), !isGiven(Own.exactFirst), !strategy.measuresReward || saved.exact == nil {
                options.values[Own.exactRecent] = (saved.exact.map { .segments($0.recent) } ?? ExactRecent.off).optionText
                options.values[Own.exactFirst] = saved.exact?.first.optionText
            }
        }
        if !isGiven(Own.segment), saved.segment >= 1, context % saved.segment == 0 {
            options.values[Own.segment] = saved.segment.optionText
        }
        return options
    }
}
