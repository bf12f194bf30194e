import ArgumentParser
import CommandLine
import Communicator
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

    @Option(help: ArgumentHelp("Text on which levels by layer are found (default: the first tenth of --text, which is then not measured).", valueName: "file"))
    var calibrate: String?

    @Option(help: ArgumentHelp("Tokens a window, a table for each (default: the model's context, which is the most).", valueName: "n,…"))
    var contexts: String?

    @Option(help: ArgumentHelp("Tokens that a window predicts, its last; the first window predicts all (default: the context, no overlap).", valueName: "n"))
    var stride: Int?

    @Option(help: ArgumentHelp("Measure, and calibrate on, at most this many windows.", valueName: "n"))
    var windows: Int?

    @Option(help: ArgumentHelp("Rows, besides full: \(ComparisonEntry.choices) (default: all).", valueName: "name,…"))
    var strategies: String?

    @Option(help: ArgumentHelp("Whose FLOPs and histogram nearest, per-layer and histogram take: \(ComparisonEntry.names(ComparisonEntry.references)) (default: policy where there is one, else energy).", valueName: "strategy"))
    var reference: String?

    @Option(help: ArgumentHelp("Shares of full attention's scores and values: for each, rows allocated within it (where drrl calibrate has looked), the dearest fixed level and the energy rule's largest share.", valueName: "share,…"))
    var budgets: String?

    @Option(help: ArgumentHelp("Rounds, in each of which all strategies run in turn (default: 3).", valueName: "n"))
    var repeats: Int?

    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

extension CompareOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let comparison = try compare(self, arguments, on: world)
        return try agreed(on: world) { common.json ? try jsonLine(comparison) : comparison.markdown }
    }
}
