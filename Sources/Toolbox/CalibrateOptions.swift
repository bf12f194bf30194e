import ArgumentParser
import CommandLine
import Communicator
import LowRank
import Model
import Options
import Worker

/// The command line of `drrl calibrate`.
struct CalibrateOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Finds a model's bases on a text, and what every level loses in every layer.",
        usage: "[mpirun -n RANKS] drrl calibrate --checkpoint FILE --text FILE --to FILE [options]",
        discussion: """
            Two passes over the windows, forward and backward in full, with targets drawn from the model itself: the first \
            sums Grams, for bases; the second estimates the loss of each level. Under mpirun every rank holds the whole \
            model and takes a share of the windows. The checkpoint written has weights, bases and losses, and neither \
            moments nor a policy.
            """)

    @OptionGroup var common: ModelAndText

    @Option(help: ArgumentHelp("The checkpoint to write.", valueName: "file"))
    var to: String

    @OptionGroup var own: CalibrationOptions
}

/// How `drrl calibrate` looks at a text.
struct CalibrationOptions: ListedOptions {
    static let context = NamedOption<Int>("context", "n", "Tokens a window", otherwise: "the model's context")
    static let windows = NamedOption<Int>(
        "windows", "n", "Windows to read, the text's first", otherwise: "\(usualWindows), or as many as there are", .positive)
    static let usualWindows = 16
    static let lookEvery = DefaultedOption<Int>(
        "look-every", "n", "Every how many rows one is looked at for losses", default: 8, .positive)
    static let levels = NamedOption<String>(
        "levels", "s:v,…",
        "Levels to measure, in any order (default at head width 64: every pair of 8, 16, 24, 32, 48 and 64).")
    static let segment = NamedOption<Int>(
        "segment", "n", "Tokens a segment", otherwise: "128, or the nearest that divides the context")
    static let exactRecent = DefaultedOption<Int>(
        "exact-recent", "n", "Segments before its own whose keys a token attends to at all columns", default: 1)
    static let exactFirst = DefaultedOption<Int>("exact-first", "n", "… and so many first tokens of a sequence", default: 4)
    static let valueBasis = DefaultedOption<ValueMeasure>(
        "value-basis", "measure", "What value bases keep best: energy or loss", default: .loss)
    static let seed = NamedOption<UInt64>(
        "seed", "n", "Decides the targets drawn and the rows looked at", otherwise: "the checkpoint's")
    static let exact = NamedOption<String>(
        "exact", "s:v,…",
        "Also measure the divergence from full attention with one layer at a time at these levels, on the first windows, and "
            + "how well the estimates forecast it.")
    static let exactWindows = DefaultedOption<Int>("exact-windows", "n", "Windows for --exact", default: 2, .positive)

    static let listed: [any AnyOption] = [
        context, windows, lookEvery, levels, segment, exactRecent, exactFirst, valueBasis, seed, exact, exactWindows,
    ]
    var values = OptionValues()
}

extension Limit where Value == Int {
    /// 1 or more.
    static let positive = Limit.within(1...Int.max)
}

extension CalibrateOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let report = try calibrate(self, on: world)
        return try agreed(on: world) { common.json ? try jsonLine(report) : report.lines }
    }
}

/// What a calibration runs at, resolved from the command line and the checkpoint's configuration.
struct CalibrationPlan {
    /// Tokens a window.
    let context: Int
    /// Most windows.
    let windows: Int
    let lookEvery: Int
    /// Measured, in any order.
    let levels: [Level]
    /// Of which the divergence is measured, on so many windows.
    let exactLevels: [Level], exactWindows: Int
    /// Decides the targets drawn and the rows looked at.
    let seed: UInt64
    /// Segments, exact tokens and what value bases keep.
    let ranks: RankOptions

    /// - Throws: `ConfigurationError` for a number, level or measure that cannot be.
    init(_ options: CalibrateOptions, _ saved: SavedRun) throws(ConfigurationError) {
        let most = saved.model.longestContext, d = saved.model.headWidth
        typealias Own = CalibrationOptions
        let given = options.own.values
        context = try given.value(of: Own.context) ?? saved.model.context
        guard context >= 1, context <= most else {
            throw ConfigurationError("--context is \(context); it must lie between 1 and the model's context \(most)")
        }
        windows = try given.value(of: Own.windows) ?? Own.usualWindows
        lookEvery = try given.value(of: Own.lookEvery)
        exactWindows = try given.value(of: Own.exactWindows)
        seed = try given.value(of: Own.seed) ?? saved.training.seed
        try EvaluationPlan.check(threads: options.common.threads)
        let measured = try given[Own.levels].map { (text) throws(ConfigurationError) in try Level.distinct(text, "--levels", d) }
            ?? Self.grid(d)
        levels = measured
        exactLevels = try given[Own.exact].map { (text) throws(ConfigurationError) in
            try Level.distinct(text, "--exact", d)
        } ?? []
        if let unknown = exactLevels.first(where: { !measured.contains($0) }) {
            throw ConfigurationError("--exact \(unknown) is not among the levels measured; add it to --levels")
        }
        // Segments, exact tokens and measure as any run below full rank resolves them.
        var attention = given.restricted(to: [Own.segment])
        attention[AttentionOptions.attention] = EnergyRule.name
        attention[AttentionOptions.exactRecent] = try given.value(of: Own.exactRecent).optionText
        attention[AttentionOptions.exactFirst] = try given.value(of: Own.exactFirst).optionText
        attention[AttentionOptions.valueBasis] = try given.value(of: Own.valueBasis).optionText
        ranks = try RankOptions(attention, headWidth: d, context: context)
    }

    /// Every pair of the head width's 1/8, 1/4, 3/8, 1/2, 3/4 and itself.
    private static func grid(_ d: Int) -> [Level] {
        let columns = Set([8, 16, 24, 32, 48, 64].map { max(1, $0 * d / 64) }).sorted()
        return columns.flatMap { score in columns.map { Level(scoreRank: score, valueRank: $0) } }
    }
}

extension Level {
    /// Levels in any order, each once, as `option` was given them.
    ///
    /// - Throws: `ConfigurationError` for what is no level of heads `d` wide, or is there twice.
    static func distinct(_ text: String, _ option: String, _ d: Int) throws(ConfigurationError) -> [Level] {
        var levels: [Level] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let level: Level
            do {
                level = try LevelList([Level(parsing: String(part))], headWidth: d).levels[0]
            } catch {
                throw ConfigurationError("\(option) \(text): \(error)")
            }
            guard !levels.contains(level) else {
                throw ConfigurationError("\(option) \(text): level \(level) is given twice")
            }
            levels.append(level)
        }
        return levels
    }
}
