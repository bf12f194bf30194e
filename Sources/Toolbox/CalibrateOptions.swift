import ArgumentParser
import CommandLine
import Communicator
import DynamicRank
import Options
import Transformer
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

    @Option(help: ArgumentHelp("Tokens a window (default: the model's context).", valueName: "n"))
    var context: Int?

    @Option(help: ArgumentHelp("Windows to read, the text's first (default: 16, or as many as there are).", valueName: "n"))
    var windows: Int?

    @Option(help: ArgumentHelp("Every how many rows one is looked at for losses (default: 8).", valueName: "n"))
    var lookEvery: Int?

    @Option(help: ArgumentHelp("Levels to measure, in any order (default at head width 64: every pair of 8, 16, 24, 32, 48 and 64).", valueName: "s:v,…"))
    var levels: String?

    @Option(help: ArgumentHelp("Tokens a segment (default: 128, or the nearest that divides the context).", valueName: "n"))
    var segment: Int?

    @Option(help: ArgumentHelp("Segments before its own whose keys a token attends to at all columns (default: 1).", valueName: "n"))
    var exactRecent: Int?

    @Option(help: ArgumentHelp("… and so many first tokens of a sequence (default: 4).", valueName: "n"))
    var exactFirst: Int?

    @Option(help: ArgumentHelp("What value bases keep best: energy or loss (default: loss).", valueName: "measure"))
    var valueBasis: String?

    @Option(help: ArgumentHelp("Decides the targets drawn and the rows looked at (default: the checkpoint's).", valueName: "n"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Also measure the divergence from full attention with one layer at a time at these levels, on the first windows, and how well the estimates forecast it.", valueName: "s:v,…"))
    var exact: String?

    @Option(help: ArgumentHelp("Windows for --exact (default: 2).", valueName: "n"))
    var exactWindows: Int?
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
    /// Segments, exact tokens and what value bases keep.
    let ranks: RankOptions

    /// - Throws: `ConfigurationError` for a number, level or measure that cannot be.
    init(_ options: CalibrateOptions, _ saved: SavedRun) throws(ConfigurationError) {
        let most = saved.model.longestContext, d = saved.model.headWidth
        context = options.context ?? saved.model.context
        guard context >= 1, context <= most else {
            throw ConfigurationError("--context is \(context); it must lie between 1 and the model's context \(most)")
        }
        for (name, value) in [
            ("--windows", options.windows), ("--look-every", options.lookEvery), ("--exact-windows", options.exactWindows),
        ] {
            if let value, value < 1 { throw ConfigurationError("\(name) is \(value); it must be at least 1") }
        }
        try EvaluationPlan.check(threads: options.common.threads)
        windows = options.windows ?? 16
        lookEvery = options.lookEvery ?? 8
        exactWindows = options.exactWindows ?? 2
        let measured = try options.levels.map { (text) throws(ConfigurationError) in try Self.levels(text, "--levels", d) }
            ?? Self.grid(d)
        levels = measured
        exactLevels = try options.exact.map { (text) throws(ConfigurationError) in try Self.levels(text, "--exact", d) } ?? []
        if let unknown = exactLevels.first(where: { !measured.contains($0) }) {
            throw ConfigurationError("--exact \(unknown) is not among the levels measured; add it to --levels")
        }
        // Segments, exact tokens and measure as any run below full rank resolves them.
        var attention = OptionValues()
        attention[AttentionOptions.attention] = EnergyRule.name
        attention[AttentionOptions.segment] = options.segment?.optionText
        attention[AttentionOptions.exactRecent] = options.exactRecent?.optionText
        attention[AttentionOptions.exactFirst] = options.exactFirst?.optionText
        attention[AttentionOptions.valueBasis] = options.valueBasis
        ranks = try RankOptions(attention, headWidth: d, context: context)
    }

    /// Every pair of the head width's 1/8, 1/4, 3/8, 1/2, 3/4 and itself.
    private static func grid(_ d: Int) -> [Level] {
        let columns = Set([8, 16, 24, 32, 48, 64].map { max(1, $0 * d / 64) }).sorted()
        return columns.flatMap { score in columns.map { Level(scoreRank: score, valueRank: $0) } }
    }

    private static func levels(_ text: String, _ option: String, _ d: Int) throws(ConfigurationError) -> [Level] {
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
