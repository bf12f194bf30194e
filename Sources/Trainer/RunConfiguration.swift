import DynamicRank
import Corpus
import Files
import Kernels
import Transformer
import Worker
import Yams

/// Every option of a run, resolved: command line over file over default.
public struct RunConfiguration: Sendable, Equatable {
    /// What to go on from.
    public enum Resume: Sendable, Equatable {
        case auto, none
        case path(String)
    }

    public var train: String?
    public var valid: String?
    public var tokenizer: String?
    public var vocabularySize: Int
    /// The model that a run without a checkpoint starts from.
    public var initial: String?
    /// Its shape.
    private let initialShape: ModelConfiguration?
    public var layers, heads, width, context: Int
    public var dropout: Float
    public var steps, batch: Int
    public var microBatch: Int?
    public var learningRate: LearningRate
    public var weightDecay, clip: Float
    public var seed: UInt64
    /// Of the products of linear maps.
    public var precision: Precision
    public var layerShards: Int
    public var threads: Int?
    public var runDirectory: String
    /// Levels, segments and who names them.
    public var ranks: RankOptions
    public var evalEvery, checkpointEvery, traceEvery, keep: Int
    /// Tokens of the held-out text to evaluate on; nil for all.
    public var evalTokens: Int?
    /// What a document separator standing in a text means.
    public var specialText: SpecialText
    public var resume: Resume
    /// Whether a policy may begin on a checkpoint that has none.
    public var startsPolicy: Bool
    /// Whether the policy alone learns.
    public var freezesModel: Bool

    /// Resolves `arguments` (without the program's name), reading `--config` where it is given.
    ///
    /// - Parameters:
    ///   - pipe: what the configuration file holds, where it is a pipe that only one process could read.
    ///   - initialShape: the shape of the model that `--init` names, where it is given.
    /// - Throws: `ConfigurationError` for a value that cannot be, and ArgumentParser's errors, a request for help among them.
    public init(arguments: [String], pipe: [UInt8]? = nil, initialShape: ModelConfiguration? = nil) throws {
        try self.init(Self.options(arguments, pipe: pipe), initialShape: initialShape)
    }

    /// What `arguments` say, over the configuration file that they name.
    ///
    /// - Throws: as `init` does.
    static func options(_ arguments: [String], pipe: [UInt8]?) throws -> TrainOptions {
        let typed = Arguments.joiningNegativeNumbers(arguments), options = try TrainOptions.parse(typed)
        guard let path = options.config else { return options }
        let file = try ConfigurationFile(path: path, text: SystemFile.isRegular(path) ? nil : pipe)
        return try TrainOptions.parse(file.arguments(before: typed) + typed)
    }

    /// The model that a run of these options starts from; nil for none.
    ///
    /// - Throws: `ConfigurationError` for a path that names nothing.
    static func initialModel(of options: TrainOptions) throws(ConfigurationError) -> String? {
        guard let path = options.model.initial else { return nil }
        guard !path.isEmpty else {
            throw ConfigurationError("--init is empty; name a checkpoint, or a directory that save_pretrained wrote")
        }
        try SystemFile.requireExpanded(path, option: "--init")
        return path
    }

    /// What the configuration file that `arguments` name holds, if it is a pipe, which can be read once; nil otherwise.
    ///
    /// - Throws: `ConfigurationError` where it cannot be read.
    static func pipe(in arguments: [String]) throws(ConfigurationError) -> [UInt8]? {
        guard let path = (try? TrainOptions.parse(Arguments.joiningNegativeNumbers(arguments)))?.config,
            fileExists(path), !SystemFile.isRegular(path)
        else { return nil }
        do {
            return try SystemFile.contents(of: path)
        } catch {
            throw ConfigurationError("--config \(path): cannot be read (\(error.reason)); check the path and its permissions")
        }
    }

    init(_ options: TrainOptions, initialShape: ModelConfiguration? = nil) throws(ConfigurationError) {
        let (text, model, step, run) = (options.text, options.model, options.training, options.run)
        train = text.train
        valid = text.valid
        tokenizer = text.tokenizer
        initial = model.initial
        self.initialShape = initialShape
        if initialShape != nil {
            for (name, isGiven) in [
                ("--layers", model.layers != nil), ("--heads", model.heads != nil), ("--width", model.width != nil),
                ("--vocab-size", text.vocabSize != nil), ("--tokenizer", text.tokenizer != nil),
            ] where isGiven {
                throw ConfigurationError("\(name) and --init exclude each other: the model has its own shape and tokenizer")
            }
        }
        vocabularySize = initialShape?.vocabularySize ?? text.vocabSize ?? 4096
        layers = initialShape?.layers ?? model.layers ?? 4
        heads = initialShape?.heads ?? model.heads ?? 4
        width = initialShape?.width ?? model.width ?? 256
        context = model.context ?? initialShape?.context ?? 256
        dropout = model.dropout ?? 0
        steps = step.steps ?? 400
        batch = step.batch ?? 8
        microBatch = step.microBatch
        let peak = step.lr ?? 1e-3
        let schedule = step.scheduleSteps ?? steps
        learningRate = LearningRate(
            peak: peak, floor: step.minLr ?? peak / 10, warmup: step.warmup ?? max(1, schedule / 20), steps: schedule)
        weightDecay = step.weightDecay ?? 0.1
        clip = step.clip ?? 1
        seed = step.seed ?? 1
        precision = step.precision ?? .float32
        // Shape errors come first: levels depend on the head width.
        let shape = try ModelConfiguration(
            vocabularySize: max(1, vocabularySize), context: context, width: width, heads: heads, layers: layers,
            dropout: dropout, family: initialShape?.family ?? .gpt2)
        if let initialShape, initialShape.layer.rotation == nil, context != initialShape.context {
            throw ConfigurationError(
                "--context is \(context), and the model of --init has learnt positions for \(initialShape.context); "
                    + "use --context \(initialShape.context)")
        }
        ranks = try RankOptions(
            options.attention, learning: options.learning, headWidth: shape.headWidth, context: context)
        startsPolicy = options.policy.newPolicy
        freezesModel = options.policy.freeze
        if !ranks.isLearned {
            let learned = AttentionRegistry.list(AttentionRegistry.strategies.filter { $0.isLearned }.map { $0.name }, "or")
            if startsPolicy { throw ConfigurationError("--new-policy is for --attention \(learned), not \(ranks.name)") }
            if freezesModel {
                throw ConfigurationError("--freeze leaves only a policy to learn; it needs --attention \(learned)")
            }
        }
        layerShards = options.grid.layerShards ?? 1
        threads = options.grid.threads
        runDirectory = run.runDir ?? "runs/drrl"
        evalEvery = run.evalEvery ?? 100
        checkpointEvery = run.checkpointEvery ?? 100
        traceEvery = run.traceEvery ?? 1
        keep = run.keep ?? 3
        evalTokens = run.evalTokens
        specialText = text.specialText ?? .split
        switch run.resume ?? "auto" {
        case "auto": resume = .auto
        case "none": resume = .none
        case let path: resume = .path(path)
        }
        try check(text)
    }

    private func check(_ text: TextOptions) throws(ConfigurationError) {
        // The upper limits keep products of these far from overflow.
        let many = 1_000_000_000
        let limits: [(String, Int, ClosedRange<Int>)] = [
            ("--steps", steps, 1...many), ("--batch", batch, 1...(1 << 20)), ("--micro-batch", microBatch ?? 1, 1...(1 << 20)),
            ("--warmup", learningRate.warmup, 0...many), ("--layer-shards", layerShards, 1...(1 << 12)),
            ("--threads", threads ?? 1, 1...(1 << 10)), ("--eval-every", evalEvery, 0...many),
            ("--checkpoint-every", checkpointEvery, 0...many), ("--trace-every", traceEvery, 0...many),
            ("--keep", keep, 1...many), ("--schedule-steps", learningRate.steps, 1...many),
            ("--eval-tokens", evalTokens ?? 2, 2...many),
        ]
        for (name, value, limit) in limits where !limit.contains(value) {
            let bound = value < limit.lowerBound ? "at least \(limit.lowerBound)" : "at most \(limit.upperBound)"
            throw ConfigurationError("\(name) is \(value); it must be \(bound)")
        }
        guard learningRate.peak > 0, learningRate.peak.isFinite else {
            throw ConfigurationError("--lr is \(learningRate.peak); it must be above 0")
        }
        guard learningRate.floor >= 0, learningRate.floor <= learningRate.peak else {
            throw ConfigurationError(
                "--min-lr is \(learningRate.floor); it must lie between 0 and --lr \(learningRate.peak)")
        }
        guard learningRate.warmup <= learningRate.steps else {
            let limit = learningRate.steps == steps ? "--steps" : "--schedule-steps"
            throw ConfigurationError("--warmup \(learningRate.warmup) is longer than \(limit) \(learningRate.steps)")
        }
        for (name, value) in [("--weight-decay", weightDecay), ("--clip", clip)] where !(value >= 0 && value.isFinite) {
            throw ConfigurationError("\(name) is \(value); it must be at least 0")
        }
        guard !runDirectory.isEmpty else { throw ConfigurationError("--run-dir is empty") }
        guard valid == nil || train != nil else {
            throw ConfigurationError("--valid needs --train: the generated corpus has its own held-out text")
        }
        guard tokenizer == nil || text.vocabSize == nil else {
            throw ConfigurationError("--tokenizer and --vocab-size exclude each other: a given tokenizer has its own size")
        }
        let sizes = ByteLevelBPE.smallestVocabulary...ByteLevelBPE.largestVocabulary
        guard initial != nil || sizes.contains(vocabularySize) else {
            throw ConfigurationError(
                "--vocab-size is \(vocabularySize); a vocabulary that is learnt has \(sizes.lowerBound) to \(sizes.upperBound) entries")
        }
        for (name, path) in [
            ("--train", train), ("--valid", valid), ("--tokenizer", tokenizer), ("--run-dir", runDirectory),
        ] {
            if let path { try SystemFile.requireExpanded(path, option: name) }
        }
        if case .path(let path) = resume { try SystemFile.requireExpanded(path, option: "--resume") }
    }

    /// The model for a tokenizer of this many entries.
    ///
    /// - Throws: `ConfigurationError`.
    public func model(vocabularySize: Int) throws(ConfigurationError) -> ModelConfiguration {
        try ModelConfiguration(
            vocabularySize: initialShape?.vocabularySize ?? vocabularySize, context: context, width: width, heads: heads,
            layers: layers, dropout: dropout, family: initialShape?.family ?? .gpt2, textEnds: initialShape?.textEnds)
    }

    /// What decides each step, on `replicas` replicas.
    public func training(replicas: Int) -> TrainingOptions {
        let share = (batch + replicas - 1) / replicas
        return TrainingOptions(
            batch: batch, microBatch: microBatch ?? (layerShards > 1 ? 1 : share), learningRate: learningRate,
            optimizer: AdamW(weightDecay: weightDecay), clip: clip, seed: seed, freezesModel: freezesModel)
    }

    /// The options that make this run again, by name; where it lies and how it starts are not among them.
    var options: [(name: String, value: String)] {
        var lines: [(String, String?)] = [
            ("train", train), ("valid", valid), ("tokenizer", tokenizer),
            ("vocab-size", tokenizer == nil && initial == nil ? "\(vocabularySize)" : nil), ("init", initial),
            ("layers", initial == nil ? "\(layers)" : nil), ("heads", initial == nil ? "\(heads)" : nil),
            ("width", initial == nil ? "\(width)" : nil), ("context", "\(context)"),
            ("dropout", "\(dropout)"), ("steps", "\(steps)"), ("batch", "\(batch)"),
            ("micro-batch", microBatch.map { "\($0)" }), ("lr", "\(learningRate.peak)"),
            ("min-lr", "\(learningRate.floor)"), ("warmup", "\(learningRate.warmup)"),
            ("schedule-steps", learningRate.steps == steps ? nil : "\(learningRate.steps)"),
            ("weight-decay", "\(weightDecay)"), ("clip", "\(clip)"), ("seed", "\(seed)"),
            ("precision", precision.rawValue),
            ("layer-shards", "\(layerShards)"), ("threads", threads.map { "\($0)" }),
            ("eval-every", "\(evalEvery)"), ("checkpoint-every", "\(checkpointEvery)"),
            ("eval-tokens", evalTokens.map { "\($0)" }),
            ("trace-every", "\(traceEvery)"), ("keep", "\(keep)"), ("special-text", specialText.rawValue),
        ]
        lines += ranks.options.map { ($0, $1) }
        if freezesModel { lines.append(("freeze", "true")) }
        return lines.compactMap { name, value in value.map { (name, $0) } }
    }

    /// What all ranks must have alike: all but the number of threads.
    var shared: [(name: String, value: String)] {
        let resumption =
            switch resume {
            case .auto: "auto"
            case .none: "none"
            case .path(let path): path
            }
        return options.filter { $0.name != "threads" }
            + [("run-dir", runDirectory), ("resume", resumption), ("new-policy", "\(startsPolicy)")]
    }

    /// The same options as a configuration file. It does not say where the run lies, so that it may be moved.
    ///
    /// - Throws: `YamlError` where the library cannot write them.
    public func yaml() throws -> String {
        let texts = Set(["train", "valid", "tokenizer", "init", "levels"])
            .union(AttentionRegistry.options.filter { $0.kind == .text }.map(\.name))
        let pairs = options.map { name, value in
            (Node(name), texts.contains(name) ? Node(value, Tag(.str), .doubleQuoted) : Node(value))
        }
        return try Yams.serialize(node: .mapping(Node.Mapping(pairs)), width: -1, allowUnicode: true)
    }
}
