import CommandLine
import Corpus
import Kernels
import LowRank
import Model
import Options

/// The options of `drrl-train`, each said once, in the order of `run.yaml`; those of attention are `AttentionOptions`.
///
/// `--help`, defaults, refusals, the configuration file, `run.yaml`, what all ranks must have alike and what a run that goes
/// on says of changes follow from these declarations; `RunConfiguration` has each value under its property's name.
public struct RunOptions: Sendable {
    static let all = RunOptions()
    static let list = Mirror(reflecting: all).children.compactMap { $0.value as? any AnyRunOption }

    public let train: RunOption<String, String?> = .init(
        .text, "train", "file", "Training text: WikiText (.tokens, .raw) or plain UTF-8. Default: generated.", isText: true
    ).asPath()
    public let valid: RunOption<String, String?> = .init(
        .text, "valid", "file", "Held-out text. Default: generated if --train is; else no evaluation.", isText: true
    ).asPath()
    public let tokenizer: RunOption<String, String?> = .init(
        .text, "tokenizer", "dir",
        "Directory of encoder.json and vocab.bpe, vocab.json and merges.txt, or tokenizer.json (byte-level BPE). "
            + "Default: trained on the training text.", isText: true
    ).asPath().excluding("init", because: ofAModel).excluding("vocab-size", because: "a given tokenizer has its own size")
    public let vocabularySize: RunOption<Int, Int> = .init(
        .text, "vocab-size", "n", "Entries of the tokenizer to train", default: 4096,
        Limit("a vocabulary that is learnt has \(vocabularySizes.lowerBound) to \(vocabularySizes.upperBound) entries") {
            vocabularySizes.contains($0)
        }, ofModel: { $0.vocabularySize }
    ).excluding("init", because: ofAModel).written { $0.tokenizer == nil && $0.initial == nil }

    public let initial: RunOption<String, String?> = .init(
        .model, "init", "path",
        "Start from this model's weights: a checkpoint, or a directory that Hugging Face's save_pretrained wrote. Its shape "
            + "and tokenizer are the run's; --context may be shorter.", isText: true
    ).asPath()
    public let layers: RunOption<Int, Int> = .init(
        .model, "layers", "n", "Layers", default: 4, ofModel: { $0.layers }
    ).excluding("init", because: ofAModel).written { $0.initial == nil }
    public let heads: RunOption<Int, Int> = .init(
        .model, "heads", "n", "Attention heads a layer; they divide the width", default: 4, ofModel: { $0.heads }
    ).excluding("init", because: ofAModel).written { $0.initial == nil }
    public let width: RunOption<Int, Int> = .init(
        .model, "width", "n", "Width of the residual stream", default: 256, ofModel: { $0.width }
    ).excluding("init", because: ofAModel).written { $0.initial == nil }
    public let context: RunOption<Int, Int> = .init(
        .model, "context", "n", "Tokens in a sequence", otherwise: "256, or those of --init"
    ) { $0.initialShape?.context ?? 256 }
    public let dropout: RunOption<Float, Float> = .init(
        .model, "dropout", "p", "Probability of dropping an element", default: 0
    ).kept { $0.model.dropout }

    public let steps: RunOption<Int, Int> = .init(
        .training, "steps", "n", "Optimizer steps in all", default: 400, .within(1...many))
    public let batch: RunOption<Int, Int> = .init(
        .training, "batch", "n", "Sequences a step, over all replicas", default: 8, .within(1...(1 << 20))
    ).kept { $0.training.batch }
    public let microBatch: RunOption<Int, Int?> = .init(
        .training, "micro-batch", "n", "Sequences through a stage at once",
        otherwise: "a replica's share; 1 with layer shards", .within(1...(1 << 20)))
    public let peakRate: RunOption<Float, Float> = .init(
        .training, "lr", "rate", "Highest learning rate", default: 1e-3,
        Limit("it must be above 0") { $0 > 0 && $0.isFinite }
    ).kept { $0.training.learningRate.peak }
    public let lastRate: RunOption<Float, Float> = .init(
        .training, "min-lr", "rate", "Learning rate at the end", otherwise: "a tenth of --lr"
    ) { $0.peakRate / 10 }.kept { $0.training.learningRate.floor }
    public let warmup: RunOption<Int, Int> = .init(
        .training, "warmup", "n", "Steps of linear warm-up", otherwise: "a twentieth of --steps", .within(0...many)
    ) { max(1, $0.scheduleSteps / 20) }.kept { $0.training.learningRate.warmup }
    public let scheduleSteps: RunOption<Int, Int> = .init(
        .training, "schedule-steps", "n",
        "Steps that the learning rate's schedule is made for; to go on beyond them at --min-lr, keep it where you raise "
            + "--steps",
        otherwise: "--steps", .within(1...many)
    ) { $0.steps }.written { $0.scheduleSteps != $0.steps }
    public let weightDecay: RunOption<Float, Float> = .init(
        .training, "weight-decay", "x", "AdamW's decay of matrices", default: 0.1, notNegative
    ).kept { $0.training.optimizer.weightDecay }
    public let clip: RunOption<Float, Float> = .init(
        .training, "clip", "norm", "Largest norm of the gradient; 0 for no limit", default: 1, notNegative
    ).kept { $0.training.clip }
    public let seed: RunOption<UInt64, UInt64> = .init(
        .training, "seed", "n", "Decides weights, sample order and dropout", default: 1)
    public let precision: RunOption<Precision, Precision> = .init(
        .training, "precision", "type",
        "Of the linear maps' products: float32, or bf16: factors are rounded, sums are not", default: .float32
    ).kept { $0.precision ?? .float32 }

    public let adapter: RunOption<AdapterConfiguration, AdapterConfiguration?> = .init(
        .training, "adapter", "kind",
        "Leave the weights as they are and train what adds to linear maps: lora:r=8,alpha=16,targets=q_proj+v_proj,"
            + "dropout=0.05,rslora=true; each may be left out. Targets are maps by Hugging Face's names, or all",
        otherwise: "none; of it r 8, alpha as r, c_attn of GPT-2 or q_proj+v_proj, no dropout", isText: true)

    public let bases: RunOption<BasisUpkeep, BasisUpkeep> = .init(
        .training, "bases", "upkeep",
        "What training does with the bases of attention below full rank: tracked, they follow what it sees; or fixed",
        otherwise: "tracked; fixed where --init names a model that drrl calibrate has looked at"
    ) { $0.isCalibrated ? .fixed : .tracked }.kept { $0.training.bases }.written { $0.isCalibrated || $0.bases == .fixed }

    public let layerShards: RunOption<Int, Int> = .init(
        .grid, "layer-shards", "p", "Stages that share the layers; replicas = ranks / shards", default: 1,
        .within(1...(1 << 12)))
    public let threads: RunOption<Int, Int?> = .init(.grid, ThreadCount.option)

    public let runDirectory: RunOption<String, String> = .init(
        .run, "run-dir", "dir", "Where checkpoints, metrics, tokenizer and tokens go", default: "runs/drrl"
    ).asPath().written { _ in false }
    public let evalEvery: RunOption<Int, Int> = .init(
        .run, "eval-every", "n", "Steps between evaluations; 0 for the end only", default: 100, .within(0...many))
    public let checkpointEvery: RunOption<Int, Int> = .init(
        .run, "checkpoint-every", "n", "Steps between checkpoints; 0 for the end only", default: 100, .within(0...many))
    public let evalTokens: RunOption<Int, Int?> = .init(
        .run, "eval-tokens", "n", "Evaluate on that many of the held-out text's first tokens", otherwise: "all",
        .within(2...many))
    public let traceEvery: RunOption<Int, Int> = .init(
        .run, "trace-every", "n",
        "Below full rank: steps between rows of the trace of levels that checkpoints hold; 0 for none", default: 1,
        .within(0...many))
    public let keep: RunOption<Int, Int> = .init(.run, "keep", "n", "Checkpoints to keep", default: 3, .within(1...many))
    public let resume: RunOption<RunConfiguration.Resume, RunConfiguration.Resume> = .init(
        .run, "resume", "auto|none|path",
        "auto: the newest good checkpoint of --run-dir, if any; none: start over; or a file", default: .auto
    ).asPath().written { _ in false }
    public let specialText: RunOption<SpecialText, SpecialText> = .init(
        .text, "special-text", "rule",
        "What <|endoftext|> in a text means: split, a line that is exactly it ends a document; encode, ordinary text; refuse",
        default: .split)

    public let startsPolicy: RunOption<Bool, Bool> = .init(
        flag: "new-policy", .policy, "Let a policy begin on a checkpoint that has none for these levels."
    ).written { _ in false }
    public let freezesModel: RunOption<Bool, Bool> = .init(
        flag: "freeze", .policy, "Leave the language model as it is: the policy alone learns."
    ).written { $0.freezesModel }.kept { $0.training.freezesModel }
}

/// Keeps products of numbers far from overflow.
private let many = 1_000_000_000
private let vocabularySizes = ByteLevelBPE.smallestVocabulary...ByteLevelBPE.largestVocabulary
private let notNegative = Limit<Float>("it must be at least 0") { $0 >= 0 && $0.isFinite }
private let ofAModel = "the model has its own shape and tokenizer"

extension BasisUpkeep: OptionWord {}

extension AdapterConfiguration: OptionValue {
    public init?(optionText: String) {
        guard let adapter = try? AdapterConfiguration(text: optionText) else { return nil }
        self = adapter
    }

    public var optionText: String { text }
    public static let expected = "write e.g. lora:r=8,alpha=16,targets=q_proj+v_proj"
}

extension RunConfiguration.Resume: OptionValue {
    public init?(optionText: String) {
        switch optionText {
        case "auto": self = .auto
        case "none": self = .none
        default: self = .path(optionText)
        }
    }

    public var optionText: String {
        switch self {
        case .auto: "auto"
        case .none: "none"
        case .path(let path): path
        }
    }

    public static let expected = "choose auto, none or the path of a checkpoint"
}
