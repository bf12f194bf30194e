import ArgumentParser
import CommandLine
import Corpus

/// What every tool that runs a checkpoint on a text is told.
struct ModelAndText: ParsableArguments {
    @Option(help: ArgumentHelp("A checkpoint of drrl-train.", valueName: "file"))
    var checkpoint: String

    @Option(help: ArgumentHelp("Text to predict: WikiText (.tokens, .raw) or plain UTF-8.", valueName: "file"))
    var text: String

    @Option(help: ArgumentHelp("What <|endoftext|> in a text means: split, encode or refuse; as in drrl-train (default: split).", valueName: "rule"))
    var specialText: SpecialText = .split

    @Option(help: ArgumentHelp("Threads a rank (default: its share of the cores it may use).", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print one JSON object.")
    var json = false
}
