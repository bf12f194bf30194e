import ArgumentParser
import CommandLine
import Communicator
import Worker

/// The command line of `drrl evaluate`.
struct EvaluateOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Perplexity of a text under a checkpoint, with the FLOPs that attention executed.",
        usage: "[mpirun -n RANKS] drrl evaluate --checkpoint FILE --text FILE [options]",
        discussion: "Under mpirun every rank holds the whole model and takes a share of the windows.")

    @OptionGroup var common: ModelAndText

    @Option(help: ArgumentHelp("Tokens a window (default: the model's context, which is the most).", valueName: "n"))
    var context: Int?

    @Option(help: ArgumentHelp("Tokens that a window predicts, its last; the first window predicts all (default: --context, no overlap).", valueName: "n"))
    var stride: Int?

    @Option(help: ArgumentHelp("Write a CSV line for each predicted token.", valueName: "file"))
    var perToken: String?

    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

extension EvaluateOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let evaluation = try evaluate(self, on: world)
        return try agreed(on: world) { common.json ? try jsonLine(evaluation) : evaluation.lines }
    }
}
