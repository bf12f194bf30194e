import ArgumentParser
import Corpus
import DynamicRank
import Kernels

extension Precision: ExpressibleByArgument {}
extension SpecialText: ExpressibleByArgument {}

/// A seed as it is typed.
///
/// - Throws: `ValidationError` for what is none.
@Sendable func seedNumber(_ text: String) throws -> UInt64 {
    guard let seed = UInt64(text) else {
        throw ValidationError("a seed is a whole number from 0 to \(UInt64.max)")
    }
    return seed
}

/// The command line of `drrl-train`. A configuration file's keys are these options' names.
struct TrainOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drrl-train",
        abstract: "Trains a language model over MPI ranks: a GPT-2 from nothing, or any that --init names.",
        usage: "[mpirun -n RANKS] drrl-train [--config FILE] [options]",
        discussion: """
            Started alone it is a grid of one rank. With no --train it generates a corpus and trains on that. \
            A run that stopped goes on where it stopped when started again with the same --run-dir. SIGUSR1 to mpirun \
            or to any rank saves at the next step and exits 0; so does SIGTERM. Ctrl-C, SIGHUP and SIGXCPU save and exit \
            with 128 and the signal's number; a second Ctrl-C leaves at once.
            """)

    @Option(help: ArgumentHelp("YAML file of these options, e.g. `steps: 400`; the command line wins.", valueName: "file"))
    var config: String?

    @OptionGroup(title: "Text") var text: TextOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Training") var training: StepOptions
    @OptionGroup(title: "Attention") var attention: AttentionOptions
    @OptionGroup(title: "Policy") var learning: LearningOptions
    @OptionGroup(title: "Policy") var policy: PolicyOptions
    @OptionGroup(title: "Grid") var grid: GridOptions
    @OptionGroup(title: "Run") var run: RunOptions
}

struct TextOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Training text: WikiText (.tokens, .raw) or plain UTF-8. Default: generated.", valueName: "file"))
    var train: String?

    @Option(help: ArgumentHelp("Held-out text. Default: generated if --train is; else no evaluation.", valueName: "file"))
    var valid: String?

    @Option(help: ArgumentHelp("Directory of encoder.json and vocab.bpe, vocab.json and merges.txt, or tokenizer.json (byte-level BPE). Default: trained on the training text.", valueName: "dir"))
    var tokenizer: String?

    @Option(help: ArgumentHelp("Entries of the tokenizer to train (default: 4096).", valueName: "n"))
    var vocabSize: Int?

    @Option(help: ArgumentHelp("What <|endoftext|> in a text means: split, a line that is exactly it ends a document; encode, ordinary text; refuse (default: split).", valueName: "rule"))
    var specialText: SpecialText?
}

struct ModelOptions: ParsableArguments {
    @Option(
        name: .customLong("init"),
        help: ArgumentHelp(
            "Start from this model's weights: a checkpoint, or a directory that Hugging Face's save_pretrained wrote. Its shape and tokenizer are the run's; --context may be shorter.",
            valueName: "path"))
    var initial: String?

    @Option(help: ArgumentHelp("Layers (default: 4).", valueName: "n"))
    var layers: Int?

    @Option(help: ArgumentHelp("Attention heads a layer; they divide the width (default: 4).", valueName: "n"))
    var heads: Int?

    @Option(help: ArgumentHelp("Width of the residual stream (default: 256).", valueName: "n"))
    var width: Int?

    @Option(help: ArgumentHelp("Tokens in a sequence (default: 256, or those of --init).", valueName: "n"))
    var context: Int?

    @Option(help: ArgumentHelp("Probability of dropping an element (default: 0).", valueName: "p"))
    var dropout: Float?
}

/// How attention runs, as both programs ask it; `RankOptions.init(_:headWidth:context:)` resolves it.
public struct AttentionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("\(FullAttention.name); low rank: \(Self.strategies); or \(Self.approximations) (default: full, or what a checkpoint to evaluate was trained with).", valueName: "strategy"))
    public var attention: String?

    @Option(help: ArgumentHelp("Nested pairs score rank:value rank, cheapest first (default at head width 64: 2:8,4:16,4:24,4:32,8:32,16:32).", valueName: "s:v,…"))
    public var levels: String?

    @Option(help: ArgumentHelp("Levels r:r instead, from this rank (default with its like: 16)", valueName: "r"))
    public var rankMin: Int?

    @Option(help: ArgumentHelp("… to this rank (64)", valueName: "r"))
    public var rankMax: Int?

    @Option(help: ArgumentHelp("… in steps (8).", valueName: "r"))
    public var rankStep: Int?

    @Option(help: ArgumentHelp("Tokens that share a level; divides the context (default: 128, or the nearest that does).", valueName: "n"))
    public var segment: Int?

    @Option(help: ArgumentHelp("Below full rank, in evaluation: resident, the bases of training, or online, refined from each sequence's own earlier segments (default: resident).", valueName: "basis"))
    public var basis: String?

    @Option(help: ArgumentHelp("Below full rank: segments before its own whose keys a token attends to at all columns, and its own always; off: the level is for all keys, its own segment's too (default: 1; off for \(Self.measuring)).", valueName: "n|off"))
    public var exactRecent: String?

    @Option(help: ArgumentHelp("… and so many first tokens of a sequence (default: 4).", valueName: "n"))
    public var exactFirst: Int?

    @Option(help: ArgumentHelp("Below full rank, what value bases keep best: energy, the values themselves; loss, what the loss sees of them, where drrl calibrate has looked (default: loss).", valueName: "measure"))
    public var valueBasis: String?

    /// What one strategy or several are told.
    @OptionGroup public var mode: ModeOptions

    private static let measuring = AttentionRegistry.strategies.filter { $0.measuresReward }.map { $0.name }
        .joined(separator: " and ")
    private static let strategies = AttentionRegistry.strategies.map { $0.name }.joined(separator: ", ")
    private static let approximations = AttentionRegistry.approximations.map { $0.name }.joined(separator: ", ")

    public init() {}
}

/// Where a policy begins, and whether it alone learns.
public struct PolicyOptions: ParsableArguments {
    @Flag(help: "Let a policy begin on a checkpoint that has none for these levels.")
    public var newPolicy = false

    @Flag(help: "Leave the language model as it is: the policy alone learns.")
    public var freeze = false

    public init() {}
}

struct StepOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Optimizer steps in all (default: 400).", valueName: "n"))
    var steps: Int?

    @Option(help: ArgumentHelp("Sequences a step, over all replicas (default: 8).", valueName: "n"))
    var batch: Int?

    @Option(help: ArgumentHelp("Sequences through a stage at once (default: a replica's share; 1 with layer shards).", valueName: "n"))
    var microBatch: Int?

    @Option(help: ArgumentHelp("Highest learning rate (default: 0.001).", valueName: "rate"))
    var lr: Float?

    @Option(help: ArgumentHelp("Learning rate at the end (default: a tenth of --lr).", valueName: "rate"))
    var minLr: Float?

    @Option(help: ArgumentHelp("Steps of linear warm-up (default: a twentieth of --steps).", valueName: "n"))
    var warmup: Int?

    @Option(help: ArgumentHelp("Steps that the learning rate's schedule is made for; to go on beyond them at --min-lr, keep it where you raise --steps (default: --steps).", valueName: "n"))
    var scheduleSteps: Int?

    @Option(help: ArgumentHelp("AdamW's decay of matrices (default: 0.1).", valueName: "x"))
    var weightDecay: Float?

    @Option(help: ArgumentHelp("Largest norm of the gradient; 0 for no limit (default: 1).", valueName: "norm"))
    var clip: Float?

    @Option(help: ArgumentHelp("Decides weights, sample order and dropout (default: 1).", valueName: "n"), transform: seedNumber)
    var seed: UInt64?

    @Option(help: ArgumentHelp("Of the linear maps' products: float32, or bf16: factors are rounded, sums are not (default: float32).", valueName: "type"))
    var precision: Precision?
}

struct GridOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Stages that share the layers; replicas = ranks / shards (default: 1).", valueName: "p"))
    var layerShards: Int?

    @Option(help: ArgumentHelp("Threads a rank (default: its share of the cores it may use).", valueName: "n"))
    var threads: Int?
}

struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where checkpoints, metrics, tokenizer and tokens go (default: runs/drrl).", valueName: "dir"))
    var runDir: String?

    @Option(help: ArgumentHelp("Steps between evaluations; 0 for the end only (default: 100).", valueName: "n"))
    var evalEvery: Int?

    @Option(help: ArgumentHelp("Evaluate on that many of the held-out text's first tokens (default: all).", valueName: "n"))
    var evalTokens: Int?

    @Option(help: ArgumentHelp("Steps between checkpoints; 0 for the end only (default: 100).", valueName: "n"))
    var checkpointEvery: Int?

    @Option(help: ArgumentHelp("Below full rank: steps between rows of the trace of levels that checkpoints hold; 0 for none (default: 1).", valueName: "n"))
    var traceEvery: Int?

    @Option(help: ArgumentHelp("Checkpoints to keep (default: 3).", valueName: "n"))
    var keep: Int?

    @Option(help: ArgumentHelp("auto: the newest good checkpoint of --run-dir, if any; none: start over; or a file (default: auto).", valueName: "auto|none|path"))
    var resume: String?
}
