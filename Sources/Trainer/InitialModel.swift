import Checkpoint
import Communicator
import Corpus
import Exchange
import Foundation
import Kernels
import Transformer
import Worker

/// The model that a run starts from: a checkpoint, or a directory that Hugging Face wrote. Opened on rank 0.
struct InitialModel: ~Copyable {
    /// Its shape, on every rank; nil where a run starts from weights that are drawn.
    let configuration: ModelConfiguration?
    /// On rank 0.
    let tokenizer: ByteLevelBPE?
    private let directory: HuggingFaceModel?
    private let checkpoint: CheckpointReader?

    /// Collective: opens what `--init` names, and tells every rank its shape.
    ///
    /// - Parameter path: empty for none.
    /// - Throws: `AgreedError` on every rank for what is no model that can be trained, and `MPIError`.
    init(path: String, world: borrowing Communicator) throws {
        var own: ModelConfiguration?
        var tokenizer: ByteLevelBPE?
        var directory: HuggingFaceModel?
        var checkpoint: CheckpointReader?
        try agreed(on: world) {
            guard world.rank == 0, !path.isEmpty else { return }
            guard fileExists(path) else {
                throw ConfigurationError(
                    "--init \(path): no such file or directory; name a checkpoint, or a directory that save_pretrained wrote")
            }
            if SystemFile.isDirectory(path) {
                let model = try HuggingFaceModel(directory: path)
                (own, tokenizer, directory) = (model.configuration, try model.tokenizer(), model)
            } else {
                let reader = try CheckpointReader(path: path)
                let model = try reader.json(CheckpointLayout.config, as: SavedRun.self).model
                (own, tokenizer) = (model, try reader.tokenizer(for: model))
                checkpoint = consume reader
            }
        }
        let text = try world.broadcast(
            agreed(on: world) { try own.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) } ?? "" }, root: 0)
        configuration = text.isEmpty ? nil : try agreed(on: world) {
            try JSONDecoder().decode(ModelConfiguration.self, from: Data(text.utf8))
        }
        self.tokenizer = tokenizer
        self.directory = directory
        self.checkpoint = checkpoint
    }

    /// On rank 0: a parameter's values.
    ///
    /// - Throws: `ExchangeError`, `CheckpointError` and `ConfigurationError`.
    func read(_ spec: ParameterSpec, into values: Buffer<Float>) throws {
        precondition(configuration != nil, "weights of no model")
        try directory?.read(spec, into: values)
        try checkpoint?.read(CheckpointLayout.parameter(spec.name), shape: spec.shape, into: values)
    }
}
