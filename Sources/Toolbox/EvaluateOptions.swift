import ArgumentParser
import CommandLine
import Communicator
import Options
import Worker

/// The command line of `drrl evaluate`.
struct EvaluateOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Perplexity of a text under a checkpoint, with the FLOPs that attention executed.",
        usage: "[mpirun -n RANKS] drrl evaluate --checkpoint FILE --text FILE [options]",
        discussion: "Under mpirun every rank holds the whole model and takes a share of the windows.")

    @OptionGroup var common: ModelAndText

    @OptionGroup var own: WindowOptions
    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

/// Which windows `drrl evaluate` runs, and what it writes of them.
struct WindowOptions: ListedOptions {
    static let context = NamedOption<Int>(
        "context", "n", "Tokens a window", otherwise: "the model's context, which is the most")
    static let stride = NamedOption<Int>(
        "stride", "n", "Tokens that a window predicts, its last; the first window predicts all",
        otherwise: "--context, no overlap")
    static let perToken = NamedOption<String>("per-token", "file", "Write a CSV line for each predicted token.")

    static let listed: [any AnyOption] = [context, stride, perToken]
    var values = OptionValues()
}

extension EvaluateOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let evaluation = try evaluate(self, on: world)
        return try agreed(on: world) { common.json ? try jsonLine(evaluation) : evaluation.lines }
    }
}
