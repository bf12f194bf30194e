import ArgumentParser
import Communicator
import Corpus
import Exchange
import Files
import Kernels
import Model
import Options
import Worker

/// The command line of `drrl export`.
struct ExportOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a checkpoint's model and tokenizer as a directory that transformers' from_pretrained loads.",
        usage: "drrl export --checkpoint FILE --to DIR [--adapter]",
        discussion: """
            A checkpoint's adapter is merged into the weights; with --adapter it alone is written, as a directory that peft's \
            from_pretrained loads.
            """)

    @Option(help: ArgumentHelp("A checkpoint of drrl-train or drrl import.", valueName: "file"))
    var checkpoint: String

    @Option(help: ArgumentHelp("The directory to make, or to write into.", valueName: "dir"))
    var to: String

    @Flag(help: "Write the checkpoint's adapter alone: adapter_config.json and adapter_model.safetensors.")
    var adapter = false
}

extension ExportOptions: Tool {
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let saved = try OpenCheckpoint(path: checkpoint, world: world)
        return try agreed(on: world) {
            if adapter { return world.rank == 0 ? try exportAdapter(saved) : "" }
            return try saved.tokenizer.map { try export(saved, $0) } ?? ""
        }
    }

    /// On rank 0.
    private func exportAdapter(_ saved: borrowing OpenCheckpoint) throws -> String {
        guard let placed = saved.adapter else {
            throw ConfigurationError("\(checkpoint): holds no adapter; leave --adapter out to export its weights")
        }
        let own = ParameterArray.parameters(of: placed), tensors = placed.peftTensors
        let specs = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.spec) })
        try makeDirectory(to)
        try SafetensorsWriter.write(
            tensors.map { (name: $0.name, shape: $0.spec.shape) }, to: to + "/" + PEFTAdapter.weightsName
        ) { name in
            guard let spec = specs[name] else { preconditionFailure("the adapter has no \(name)") }
            let values = Buffer<Float>(uninitialized: spec.count)
            try saved.read(own.entry(spec), into: values)
            return values
        }
        try ReplacementFile.write(
            placed.peftConfiguration(for: saved.run.model), to: to + "/" + PEFTAdapter.configurationName)
        return "exported    \(to): \(PEFTAdapter.configurationName) and \(PEFTAdapter.weightsName) with "
            + "\(placed.parameterCount) parameters at \(placed.maps.count) linear maps"
    }

    /// On rank 0.
    private func export(_ saved: borrowing OpenCheckpoint, _ tokenizer: ByteLevelBPE) throws -> String {
        let model = saved.run.model, weights = ParameterArray.weights(of: model)
        try makeDirectory(to)
        // Weights first: what names them comes last, so that a model that is not whole does not pass for one.
        let specs = Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0) })
        try SafetensorsWriter.write(
            model.parameters.map { (name: $0.name, shape: $0.shape) }, to: to + "/" + SafetensorsModel.fileName
        ) { name in
            guard let spec = specs[name] else { preconditionFailure("the model has no \(name)") }
            let values = Buffer<Float>(uninitialized: spec.count)
            try saved.read(weights.entry(spec), into: values)
            return values
        }
        let files = tokenizer.files.renamed(.vocabularyAndMerges)
        for (name, bytes) in files.named { try ReplacementFile.write(bytes, to: to + "/" + name) }
        try ReplacementFile.write(
            prettyJSON(TokenizerConfigurationFile(tokenizer, context: model.longestContext)),
            to: to + "/tokenizer_config.json")
        try ReplacementFile.write(
            ModelDescriptionFile(
                model, startOfText: Int(tokenizer.startOfText ?? tokenizer.endOfText), endOfText: Int(tokenizer.endOfText)
            ).bytes,
            to: to + "/" + DescribedModel.fileName)
        let merged = saved.adapter == nil ? "" : "; the adapter is merged into the weights"
        return "exported    \(to): config.json, \(SafetensorsModel.fileName) with \(model.parameterCount) parameters in "
            + "\(model.parameters.count) arrays, \(files.format.names.joined(separator: ", ")), tokenizer_config.json" + merged
    }
}

/// A tokenizer's `tokenizer_config.json`, by transformers' names.
private struct TokenizerConfigurationFile: Encodable {
    let tokenizer_class, bos_token, eos_token: String
    /// GPT-2's class alone asks for these.
    let unk_token: String?, add_prefix_space: Bool?
    let model_max_length: Int

    init(_ tokenizer: ByteLevelBPE, context: Int) {
        let isGPT2s = tokenizer.files.format != .tokenizerJSON
        tokenizer_class = isGPT2s ? "GPT2Tokenizer" : "PreTrainedTokenizerFast"
        eos_token = tokenizer.endOfTextName
        bos_token = tokenizer.startOfTextName ?? tokenizer.endOfTextName
        unk_token = isGPT2s ? tokenizer.endOfTextName : nil
        add_prefix_space = isGPT2s ? false : nil
        model_max_length = context
    }
}
