import ArgumentParser
import Checkpoint
import Corpus
import Exchange
import Kernels
import Trainer
import Transformer
import Worker

/// The command line of `drrl import`.
struct ImportOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Makes a checkpoint of a GPT-2 or Llama-style model that Hugging Face's save_pretrained wrote.",
        usage: "drrl import DIR --to FILE",
        discussion: """
            DIR holds config.json, model.safetensors or its parts, and the tokenizer's files. The checkpoint can be evaluated, \
            compared and exported again.
            """)

    @Argument(help: ArgumentHelp("The model's directory.", valueName: "dir"))
    var directory: String

    @Option(help: ArgumentHelp("The checkpoint to write.", valueName: "file"))
    var to: String
}

extension ImportOptions: RootTool {
    func report() throws -> String {
        let model = try HuggingFaceModel(directory: directory), parameters = model.configuration.parameters
        let tokenizer = try model.tokenizer()
        // What decides a step is not known; a run that goes on from these weights names its own.
        let training = try RunConfiguration(arguments: []).training(replicas: 1)
        var writer = try CheckpointWriter(
            path: to, step: 0, expectedBytes: MemoryLayout<Float>.size * model.configuration.parameterCount)
        try writer.write(CheckpointLayout.config, json: SavedRun(model: model.configuration, training: training))
        try writer.write(CheckpointLayout.dataCursor, scalar: Int64(0))
        try writer.write(
            CheckpointLayout.dataSource,
            json: SavedCorpus(path: directory, sourceHash: "", tokenizerHash: tokenizer.hash, tokens: 0))
        try writer.write(CheckpointLayout.randomKey, scalar: training.seed)
        try writer.write(SavedTokenizer(tokenizer))
        for spec in parameters {
            let values = Buffer<Float>(uninitialized: spec.count)
            try model.read(spec, into: values)
            try writer.write(CheckpointLayout.parameter(spec.name), shape: spec.shape, values)
        }
        let path = try writer.commit()
        let shape = model.configuration
        return "imported    \(path): \(shape.familyName), \(shape.parameterCount) parameters in \(parameters.count) arrays; \(shape.layers) layers, "
            + "width \(shape.width), \(shape.heads) heads, context \(shape.context), vocabulary \(shape.vocabularySize), "
            + "tokenizer \(tokenizer.hash.prefix(12))"
    }
}
