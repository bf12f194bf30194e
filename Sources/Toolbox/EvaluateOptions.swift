import ArgumentParser
import Communicator
import Trainer
import Worker

/// The command line of `drrl evaluate`.
struct EvaluateOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Perplexity of a text under a checkpoint, with the FLOPs that attention executed.",
        usage: "[mpirun -n RANKS] drrl evaluate --checkpoint FILE --text FILE [options]",
        discussion: "Under mpirun every rank holds the whole model and takes a share of the windows.")

    @Option(help: ArgumentHelp("A checkpoint of drrl-train.", valueName: "file"))
    var checkpoint: String

    @Option(help: ArgumentHelp("Text to predict: WikiText (.tokens, .raw) or plain UTF-8.", valueName: "file"))
    var text: String

    @Option(help: ArgumentHelp("Tokens a window (default: the model's context, which is the most).", valueName: "n"))
    var context: Int?

    @Option(help: ArgumentHelp("Tokens that a window predicts, its last; the first window predicts all (default: --context, no overlap).", valueName: "n"))
    var stride: Int?

    @Option(help: ArgumentHelp("Threads a rank (default: its share of the cores it may use).", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Write a CSV line for each predicted token.", valueName: "file"))
    var perToken: String?

    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

extension EvaluateOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let evaluation = try evaluate(self, on: world)
        return try agreed(on: world) { json ? try jsonLine(evaluation) : evaluation.lines }
    }
}
