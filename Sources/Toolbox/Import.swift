import ArgumentParser
import Checkpoint
import Communicator
import Corpus
import Exchange
import Kernels
import Model
import Options
import Worker

/// The command line of `drrl import`.
struct ImportOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Makes a checkpoint of a GPT-2 or Llama-style model that Hugging Face's save_pretrained wrote.",
        usage: "drrl import DIR --to FILE [--checkpoint FILE]",
        discussion: """
            DIR holds config.json, model.safetensors or its parts, and the tokenizer's files. The checkpoint can be evaluated, \
            compared and exported again.

            With --checkpoint, DIR holds a LoRA adapter that peft saved for that checkpoint's model, adapter_config.json and \
            adapter_model.safetensors, and the new checkpoint has it beside the weights.
            """)

    @Argument(help: ArgumentHelp("The model's directory.", valueName: "dir"))
    var directory: String

    @Option(help: ArgumentHelp("The checkpoint to write.", valueName: "file"))
    var to: String

    @Option(help: ArgumentHelp("A checkpoint of the model that the directory's adapter is for.", valueName: "file"))
    var checkpoint: String?
}

extension ImportOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        guard let checkpoint else { return try agreed(on: world) { world.rank == 0 ? try report() : "" } }
        let saved = try OpenCheckpoint(path: checkpoint, world: world), source = try saved.source(on: world)
        return try agreed(on: world) { world.rank == 0 ? try reportAdapter(onto: saved, source) : "" }
    }

    private func reportAdapter(onto saved: borrowing OpenCheckpoint, _ source: SavedCorpus) throws -> String {
        try requireOther(to, than: saved.path)
        guard saved.adapter == nil else {
            throw ConfigurationError("\(saved.path): has an adapter already; merge it first, with drrl merge")
        }
        let adapter = try PEFTAdapter(directory: directory, for: saved.run.model), placed = adapter.placed
        let path = try writeModel(of: saved, source, to: to, adapter: (placed, adapter.read))
        return "imported    \(path): \(placed.configuration.text), \(placed.parameterCount) parameters at \(placed.maps.count) "
            + "linear maps of \(saved.path)"
    }

    private func report() throws -> String {
        let model = try HuggingFaceModel(directory: directory), weights = ParameterArray.weights(of: model.configuration)
        let tokenizer = try model.tokenizer()
        // What decided a step is not known, and these say nothing of it: a run that starts from the weights has its own.
        let training = TrainingOptions(
            batch: 8, microBatch: 8, learningRate: LearningRate(peak: 1e-3, floor: 1e-3 / 10, warmup: 20, steps: 400),
            optimizer: AdamW(weightDecay: 0.1), clip: 1, seed: 1)
        var writer = try CheckpointWriter(path: to, step: 0, expectedBytes: weights.byteCount)
        try writer.write(
            RunRecord(
                run: SavedRun(model: model.configuration, training: training),
                corpus: SavedCorpus(path: directory, sourceHash: "", tokenizerHash: tokenizer.hash, tokens: 0), cursor: 0,
                seed: training.seed, tokenizerHash: tokenizer.hash),
            SavedTokenizer(tokenizer))
        for spec in model.configuration.parameters {
            let values = Buffer<Float>(uninitialized: spec.count), entry = weights.entry(spec)
            try model.read(spec, into: values)
            try writer.write(entry.path, shape: entry.shape, values)
        }
        let path = try writer.commit()
        let shape = model.configuration
        return "imported    \(path): \(shape.familyName), \(shape.parameterCount) parameters in \(shape.parameters.count) arrays; \(shape.layers) layers, "
            + "width \(shape.width), \(shape.heads) heads, context \(shape.context), vocabulary \(shape.vocabularySize), "
            + "tokenizer \(tokenizer.hash.prefix(12))"
    }
}
