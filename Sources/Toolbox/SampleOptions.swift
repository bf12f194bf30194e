import ArgumentParser
import CommandLine
import Communicator
import Generation
import Options

/// The command line of `drrl sample`.
struct SampleOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Continues prompts with a checkpoint's model.",
        usage: "drrl sample --checkpoint FILE --prompt TEXT [options]",
        discussion: "Text goes to standard output, as it comes where there is one prompt; what it took goes to standard error.")

    @Option(help: ArgumentHelp("A checkpoint of drrl-train or drrl import.", valueName: "file"))
    var checkpoint: String

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A text to go on from; may be given several times (default: standard input).", valueName: "text"))
    var prompt: [String] = []

    @Option(help: ArgumentHelp("A file of texts to go on from, one a line.", valueName: "file"))
    var prompts: String?

    @OptionGroup var own: SamplingOptions

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A text that ends a continuation, and is left out; may be given several times.", valueName: "text"))
    var stop: [String] = []

    @Flag(help: "Go on where the model ends the text.")
    var ignoreEnd = false

    @Option(help: ArgumentHelp("Threads (default: the cores it may use).", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print a JSON object a line for each continuation.")
    var json = false

    @OptionGroup(title: "Attention") var attention: AttentionOptions
}

/// How many tokens `drrl sample` draws, and how.
struct SamplingOptions: ListedOptions {
    static let samples = DefaultedOption<Int>(
        "samples", "n", "Continuations of each prompt", default: 1, .within(1...10_000))
    static let tokens = NamedOption<Int>(
        "tokens", "n", "Most tokens of a continuation", otherwise: "\(standardTokens), or what the context leaves",
        Limit("it must be at least 1") { $0 >= 1 })
    static let context = NamedOption<Int>(
        "context", "n", "Tokens that a prompt and its continuation may have, over which levels keep their budget",
        otherwise: "the model's context")
    static let temperature = DefaultedOption<Double>(
        "temperature", "t", "What logits are divided by; 0 takes the likeliest token", default: 0.8,
        Limit("it must be a number from 0 on") { $0 >= 0 && $0.isFinite })
    static let topK = DefaultedOption<Int>(
        "top-k", "k", "Draw from the k likeliest tokens; 0 for all", default: 200,
        Limit("it must be 0 or more tokens") { $0 >= 0 })
    static let topP = DefaultedOption<Double>(
        "top-p", "p", "… from the likeliest that together have probability p", default: 1,
        Limit("it must be above 0 and at most 1") { $0 > 0 && $0 <= 1 })
    static let minP = DefaultedOption<Double>(
        "min-p", "p", "… from those with at least p times the likeliest one's probability", default: 0,
        Limit("it must lie between 0 and 1") { $0 >= 0 && $0 <= 1 })
    static let repetitionPenalty = DefaultedOption<Double>(
        "repetition-penalty", "x", "What logits of tokens that are there already are divided by, or multiplied where negative",
        default: 1, Limit("it must be above 0") { $0 > 0 && $0.isFinite })
    static let seed = DefaultedOption<UInt64>("seed", "n", "Decides the draws", default: 1)

    /// Tokens of a continuation unless told.
    static let standardTokens = 256
    static let listed: [any AnyOption] = [
        samples, tokens, context, temperature, topK, topP, minP, repetitionPenalty, seed,
    ]
    var values = OptionValues()

    /// - Throws: `ConfigurationError` for a value that cannot be.
    func sampling() throws(ConfigurationError) -> Sampling {
        let topK = try values.value(of: Self.topK), minP = try values.value(of: Self.minP)
        return Sampling(
            temperature: try values.value(of: Self.temperature), topK: topK == 0 ? nil : topK,
            topP: try values.value(of: Self.topP), minP: minP == 0 ? nil : minP,
            repetitionPenalty: try values.value(of: Self.repetitionPenalty), seed: try values.value(of: Self.seed))
    }
}
