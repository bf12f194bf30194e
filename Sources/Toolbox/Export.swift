import ArgumentParser
import Checkpoint
import Corpus
import Exchange
import Foundation
import Kernels
import Trainer
import Transformer
import Worker

/// The command line of `drrl export`.
struct ExportOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a checkpoint's model and tokenizer as a directory that transformers' from_pretrained loads.",
        usage: "drrl export --checkpoint FILE --to DIR")

    @Option(help: ArgumentHelp("A checkpoint of drrl-train or drrl import.", valueName: "file"))
    var checkpoint: String

    @Option(help: ArgumentHelp("The directory to make, or to write into.", valueName: "dir"))
    var to: String
}

extension ExportOptions: RootTool {
    func report() throws -> String {
        let reader = try CheckpointReader(path: checkpoint)
        let model = try reader.json(CheckpointLayout.config, as: SavedRun.self).model
        let tokenizer = try reader.tokenizer()
        try makeDirectory(to)
        // Weights first: what names them comes last, so that a model that is not whole does not pass for one.
        let shapes = Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.shape) })
        try SafetensorsWriter.write(
            model.parameters.map { (name: $0.name, shape: $0.shape) }, to: to + "/" + SafetensorsModel.fileName
        ) { name in try reader.read(CheckpointLayout.parameter(name), shape: shapes[name] ?? [], of: Float.self) }
        try ReplacementFile.write(tokenizer.encoderFile, to: to + "/vocab.json")
        try ReplacementFile.write(tokenizer.mergesFile, to: to + "/merges.txt")
        try write(GPT2TokenizerFile(context: model.context), "tokenizer_config.json")
        try ReplacementFile.write(
            ConfigurationFile(model, startOfText: nil, endOfText: Int(tokenizer.endOfText)).bytes,
            to: to + "/" + DescribedModel.fileName)
        return "exported    \(to): config.json, \(SafetensorsModel.fileName) with \(model.parameterCount) parameters in "
            + "\(model.parameters.count) arrays, vocab.json, merges.txt, tokenizer_config.json"
    }

    private func write(_ value: some Encodable, _ name: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try ReplacementFile.write(Array(try encoder.encode(value)) + [UInt8(ascii: "\n")], to: to + "/" + name)
    }
}

/// Its `tokenizer_config.json`.
private struct GPT2TokenizerFile: Encodable {
    let tokenizer_class = "GPT2Tokenizer", add_prefix_space = false
    let bos_token = "<|endoftext|>", eos_token = "<|endoftext|>", unk_token = "<|endoftext|>"
    let model_max_length: Int

    init(context: Int) { model_max_length = context }
}
