import ArgumentParser
import CommandLine
import Communicator
import Options

/// The command line of `drrl score`.
struct ScoreOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Accuracy of a checkpoint on a task: multiple choice, or the last word of a text.",
        usage: "[mpirun -n RANKS] drrl score --checkpoint FILE --task FILE [options]",
        discussion: """
            The task is a file of JSON lines, each with "context", "choices" and "answer" (the index of the right one), or each \
            with "text". Scores are those of lm-evaluation-harness. Under mpirun every rank holds the whole model and takes a \
            share of the items.
            """)

    @Option(help: ArgumentHelp("A checkpoint of drrl-train.", valueName: "file"))
    var checkpoint: String

    @Option(help: ArgumentHelp("JSON lines: context, choices and answer, or text.", valueName: "file"))
    var task: String

    @Option(help: ArgumentHelp("Threads a rank (default: its share of the cores it may use).", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var own: ItemOptions
    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

/// Which items `drrl score` runs, and what it writes of them.
struct ItemOptions: ListedOptions {
    static let context = NamedOption<Int>(
        "context", "n", "Tokens that are read at most; of a longer item the last",
        otherwise: "the longest that the model can be given")
    static let limit = NamedOption<Int>("limit", "n", "Items to score, the file's first", otherwise: "all", .positive)
    static let perItem = NamedOption<String>("per-item", "file", "Write a JSON line for each item.")

    static let listed: [any AnyOption] = [context, limit, perItem]
    var values = OptionValues()
}

extension ScoreOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let report = try score(self, on: world)
        return try agreed(on: world) { json ? try jsonLine(report) : report.lines }
    }
}
