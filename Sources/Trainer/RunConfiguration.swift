import CommandLine
import Files
import Kernels
import LowRank
import Model
import Options
import Runs
import Worker

/// Every option of a run, resolved: command line over file over default. Each is a property, by the name of its declaration
/// in `RunOptions`.
///
///     let run = try RunConfiguration(arguments: ["--steps", "60"])
///     run.steps  // 60
///     run.warmup  // 3, a twentieth
@dynamicMemberLookup
public struct RunConfiguration: Sendable, Equatable {
    /// What to go on from.
    public enum Resume: Sendable, Equatable {
        case auto, none
        case path(String)
    }

    private let values: RunValues
    /// Levels, segments and who names them.
    public let ranks: RankOptions
    /// What learns in place of the weights, at the maps of the run's model; nil for these.
    public let placedAdapter: PlacedAdapter?

    /// What the run has for an option.
    public subscript<Value, Result>(dynamicMember option: KeyPath<RunOptions, RunOption<Value, Result>>) -> Result {
        values[dynamicMember: option]
    }

    /// What `lr`, `min-lr`, `warmup` and `schedule-steps` make.
    public var learningRate: LearningRate {
        LearningRate(peak: values.peakRate, floor: values.lastRate, warmup: values.warmup, steps: values.scheduleSteps)
    }

    /// Resolves a command line, reading `--config` where it is given.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - pipe: what the configuration file holds, where it is a pipe that only one process could read.
    ///   - initialShape: the shape of the model that `--init` names, where it is given.
    /// - Throws: `ConfigurationError` for a value that cannot be, `UnusableFileError` for a file that cannot be read, and
    ///   ArgumentParser's errors, a request for help among them.
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
        let option = RunOptions.all.initial.option
        guard let path = options.values[option] else { return nil }
        guard !path.isEmpty else {
            throw ConfigurationError("--init is empty; name a checkpoint, or a directory that save_pretrained wrote")
        }
        try requireExpanded(path, option: option.name)
        return path
    }

    /// - Parameters:
    ///   - initialShape: the shape of the model that `--init` names, where it is given.
    ///   - calibration: what `drrl calibrate` found of that model, where it has looked.
    /// - Throws: `ConfigurationError` for a value that cannot be, or values that cannot be together.
    init(
        _ options: TrainOptions, initialShape: ModelConfiguration? = nil, calibration: CalibrationRecord? = nil
    ) throws(ConfigurationError) {
        let given = options.values
        for own in RunOptions.list where given[own.option] != nil {
            for (other, reason) in own.exclusions where given.names.contains(other) {
                throw ConfigurationError("--\(own.option.name) and --\(other) exclude each other: \(reason)")
            }
        }
        try Self.checkAdapter(given[RunOptions.all.adapter.option])
        let values = try RunValues(given, initialShape: initialShape, isCalibrated: calibration != nil)
        self.values = values
        // Levels depend on the head width.
        let shape = try values.model(vocabularySize: values.vocabularySize)
        do {
            placedAdapter = try values.adapter.map { (own) throws(ConfigurationError) in try PlacedAdapter(own, at: shape) }
        } catch {
            throw ConfigurationError("--adapter \(given[RunOptions.all.adapter.option] ?? ""): \(error)")
        }
        if let initialShape, initialShape.layer.rotation == nil, values.context != initialShape.context {
            throw ConfigurationError(
                "--context is \(values.context), and the model of --init has learnt positions for \(initialShape.context); "
                    + "use --context \(initialShape.context)")
        }
        ranks = try RankOptions(
            calibration?.filling(given, context: values.context) ?? given, headWidth: shape.headWidth,
            context: values.context)
        try check()
    }

    /// - Throws: `ConfigurationError` that says which part of the text cannot be.
    private static func checkAdapter(_ text: String?) throws(ConfigurationError) {
        guard let text else { return }
        do {
            _ = try AdapterConfiguration(text: text)
        } catch {
            throw ConfigurationError("--adapter \(text): \(error)")
        }
    }

    /// - Throws: `ConfigurationError` where an adapter cannot be trained beside what else the run does.
    private func checkAdapter() throws(ConfigurationError) {
        guard let adapter = values.adapter else { return }
        if ranks.isLearned {
            throw ConfigurationError(
                "--adapter and --attention \(ranks.name): either the adapter learns or the policy; train the adapter first, "
                    + "merge it with drrl merge, and start the policy from that")
        }
        if ranks.namesLevels, adapter.dropout > 0 {
            throw ConfigurationError(
                "--adapter with dropout=\(adapter.dropout) and --attention \(ranks.name): bases are folded into weights that hold "
                    + "what the adapter adds, where its input cannot be dropped; use dropout=0")
        }
    }

    /// What one value allows of another.
    private func check() throws(ConfigurationError) {
        let rate = learningRate
        guard rate.floor >= 0, rate.floor <= rate.peak else {
            throw ConfigurationError("--min-lr is \(rate.floor); it must lie between 0 and --lr \(rate.peak)")
        }
        guard rate.warmup <= rate.steps else {
            let limit = rate.steps == values.steps ? "--steps" : "--schedule-steps"
            throw ConfigurationError("--warmup \(rate.warmup) is longer than \(limit) \(rate.steps)")
        }
        try checkAdapter()
        guard !values.runDirectory.isEmpty else { throw ConfigurationError("--run-dir is empty") }
        guard values.valid == nil || values.train != nil else {
            throw ConfigurationError("--valid needs --train: the generated corpus has its own held-out text")
        }
        guard ranks.isLearned || !(values.startsPolicy || values.freezesModel) else {
            let learned = AttentionRegistry.list(AttentionRegistry.strategies.filter { $0.isLearned }.map { $0.name }, "or")
            throw ConfigurationError(
                values.startsPolicy
                    ? "--new-policy is for --attention \(learned), not \(ranks.name)"
                    : "--freeze leaves only a policy to learn; it needs --attention \(learned)")
        }
    }

    /// The model for a tokenizer of this many entries.
    ///
    /// - Parameter vocabularySize: of the tokenizer; a model to start from has its own.
    /// - Throws: `ConfigurationError` for a shape that cannot be.
    public func model(vocabularySize: Int) throws(ConfigurationError) -> ModelConfiguration {
        try values.model(vocabularySize: vocabularySize)
    }

    /// What decides each step, on `replicas` replicas.
    public func training(replicas: Int) -> TrainingOptions {
        let share = (values.batch + replicas - 1) / replicas
        return TrainingOptions(
            batch: values.batch, microBatch: values.microBatch ?? (values.layerShards > 1 ? 1 : share),
            learningRate: learningRate, optimizer: AdamW(weightDecay: values.weightDecay), clip: values.clip,
            seed: values.seed, freezesModel: values.freezesModel, bases: values.bases)
    }

    /// The options that make this run again, those of attention before those of a policy's start; where the run lies and how
    /// it starts are not among them.
    var written: [(option: any AnyOption, text: String)] {
        let own = RunOptions.list.filter { $0.isWritten(values) }
        func text(_ options: [any AnyRunOption]) -> [(option: any AnyOption, text: String?)] {
            options.map { ($0.option, $0.text(values)) }
        }
        return (text(own.filter { $0.group != .policy }) + ranks.options + text(own.filter { $0.group == .policy }))
            .compactMap { option, text in text.map { (option, $0) } }
    }

    /// What all ranks must have alike: all but the number of threads.
    var shared: [(name: String, value: String)] {
        let own = RunOptions.list.map { (option: $0.option, text: $0.text(values)) }
        return (own + ranks.options).compactMap { option, text in
            option.name == ThreadCount.option.name ? nil : text.map { (option.name, $0) }
        }
    }

    /// What decides what is learnt, as a person is told of a change: by name, attention's last.
    ///
    /// - Parameter withAttention: whether attention's are among them.
    func learnt(withAttention: Bool) -> [(name: String, value: String)] {
        let own = RunOptions.list.map { ($0.option.name, $0.changeText(values)) }
        let attention = withAttention ? ranks.options.map { ($0.option.name, $0.text) } : []
        return (own + attention).compactMap { name, text in text.map { (name, $0) } }
    }

    /// The same options as a configuration file. It does not say where the run lies, so that it may be moved.
    ///
    /// - Throws: `YamlError` where the library cannot write them.
    public func yaml() throws -> String {
        try RunFile(written.map { .init(name: $0.option.name, text: $0.text, isQuoted: $0.option.isText) }).yaml()
    }
}

extension RunValues {
    fileprivate func model(vocabularySize: Int) throws(ConfigurationError) -> ModelConfiguration {
        try ModelConfiguration(
            vocabularySize: initialShape?.vocabularySize ?? vocabularySize, context: self.context, width: self.width,
            heads: self.heads, layers: self.layers, dropout: self.dropout, family: initialShape?.family ?? .gpt2,
            textEnds: initialShape?.textEnds)
    }
}
