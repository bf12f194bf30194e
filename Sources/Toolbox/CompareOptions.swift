import ArgumentParser
import Communicator
import Trainer
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

    @Option(help: ArgumentHelp("A checkpoint of drrl-train.", valueName: "file"))
    var checkpoint: String

    @Option(help: ArgumentHelp("Text to predict: WikiText (.tokens, .raw) or plain UTF-8.", valueName: "file"))
    var text: String

    @Option(help: ArgumentHelp("Text on which levels by layer are found (default: the first tenth of --text, which is then not measured).", valueName: "file"))
    var calibrate: String?

    @Option(help: ArgumentHelp("Tokens a window, a table for each (default: the model's context, which is the most).", valueName: "n,…"))
    var contexts: String?

    @Option(help: ArgumentHelp("Tokens that a window predicts, its last; the first window predicts all (default: the context, no overlap).", valueName: "n"))
    var stride: Int?

    @Option(help: ArgumentHelp("Measure, and calibrate on, at most this many windows.", valueName: "n"))
    var windows: Int?

    @Option(help: ArgumentHelp("Rows, besides full: \(Entry.choices) (default: all).", valueName: "name,…"))
    var strategies: String?

    @Option(help: ArgumentHelp("Whose FLOPs and histogram nearest, per-layer and histogram take: \(Entry.names(Entry.references)) (default: policy where there is one, else energy).", valueName: "strategy"))
    var reference: String?

    @Option(help: ArgumentHelp("Rounds, in each of which all strategies run in turn (default: 3).", valueName: "n"))
    var repeats: Int?

    @Option(help: ArgumentHelp("Threads a rank (default: its share of the cores it may use).", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

extension CompareOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let comparison = try compare(self, arguments, on: world)
        return try agreed(on: world) { json ? try jsonLine(comparison) : comparison.markdown }
    }
}
