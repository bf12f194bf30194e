import ArgumentParser
import CommandLine
import Communicator
import Options
import Worker

/// The command line of `drrl compare`.
struct CompareOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Every strategy on the same weights and text: perplexity, executed FLOPs, seconds and ranks in one table.",
        usage: "[mpirun -n RANKS] drrl compare --checkpoint FILE --text FILE [options]",
        discussion: """
            Under mpirun every rank holds the whole model and takes a share of the windows. Levels by layer are found on \
            another part of text than is measured: --calibrate, or the first tenth.
            """)

    @OptionGroup var common: ModelAndText

    @OptionGroup var own: ComparisonOptions
    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

/// What `drrl compare` measures, and how often.
struct ComparisonOptions: ListedOptions {
    static let calibrate = NamedOption<String>(
        "calibrate", "file", "Text on which levels by layer are found",
        otherwise: "the first tenth of --text, which is then not measured")
    static let contexts = NamedOption<String>(
        "contexts", "n,…", "Tokens a window, a table for each", otherwise: "the model's context")
    static let stride = NamedOption<Int>(
        "stride", "n", "Tokens that a window predicts, its last; the first window predicts all",
        otherwise: "the context, no overlap")
    static let windows = NamedOption<Int>(
        "windows", "n", "Measure, and calibrate on, at most this many windows.", .positive)
    static let strategies = NamedOption<String>(
        "strategies", "name,…", "Rows, besides full: \(ComparisonEntry.choices)", otherwise: "all")
    static let reference = NamedOption<String>(
        "reference", "strategy",
        "Whose FLOPs and histogram nearest, per-layer and histogram take: "
            + ComparisonEntry.names(ComparisonEntry.references), otherwise: "policy where there is one, else energy")
    static let budgets = NamedOption<String>(
        "budgets", "share,…",
        "Shares of full attention's scores and values: for each, rows forecast, allocated and random, which is allocated with layers "
            + "exchanged, within it (where drrl calibrate has looked), the dearest fixed level and the energy rule's largest share.")
    static let oracleWindows = NamedOption<Int>(
        "oracle-windows", "n",
        "For each of --budgets also ceilings by segment and token, from what each level truly loses in each layer on the first n "
            + "windows. It takes a forward pass for every two layers, level and window",
        otherwise: "0, or 1 with --oracle-levels", .within(0...Int.max))
    static let oracleLevels = NamedOption<String>(
        "oracle-levels", "s:v,…", "Levels that the ceilings choose from, besides full attention",
        otherwise: "those that allocated takes most, eight at most")
    static let needles = NamedOption<Int>(
        "needles", "n",
        "Also n windows of the text in which pairs of a word and a number are planted far back and asked for at the end: a column "
            + "for how many are recalled.", .positive)
    static let needlePairs = DefaultedOption<Int>(
        "needle-pairs", "n", "Pairs of a window of --needles", default: 6, .within(1...NeedleWindows.mostPairs))
    static let repeats = DefaultedOption<Int>(
        "repeats", "n", "Rounds, in each of which all strategies run in turn", default: 3, .positive)

    static let listed: [any AnyOption] = [
        calibrate, contexts, stride, windows, strategies, reference, budgets, oracleWindows, oracleLevels, needles, needlePairs,
        repeats,
    ]
    var values = OptionValues()
}

extension CompareOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let comparison = try compare(self, arguments, on: world)
        return try agreed(on: world) { common.json ? try jsonLine(comparison) : comparison.markdown }
    }
}
