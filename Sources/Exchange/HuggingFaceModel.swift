import Corpus
import Kernels
import Model
import Options

/// A model in a directory that Hugging Face's `save_pretrained` wrote: opened, and checked before a weight is read.
public struct HuggingFaceModel: Sendable {
    /// The directory that it was read from.
    public let directory: String
    /// The model's shape, checked.
    public let configuration: ModelConfiguration
    private let weights: SafetensorsModel
    /// The file's name of each parameter.
    private let names: [String: String]

    /// - Parameter directory: Its path as the system takes it; `config.json` and the weights are read.
    /// - Throws: `ExchangeError` and `ConfigurationError` for a model that is of no known family, is not whole, or has weights
    ///   that its family does not.
    public init(directory: String) throws {
        configuration = try ModelConfiguration(DescribedModel(directory: directory), directory: directory)
        weights = try SafetensorsModel(directory: directory)
        names = try Self.names(of: configuration, in: weights)
        self.directory = directory
        for spec in configuration.parameters {
            guard let name = names[spec.name], let stored = weights.tensor(name), stored.shape != spec.shape else { continue }
            throw ExchangeError.shape(path: directory, name: name, expected: spec.shape, found: stored.shape)
        }
    }

    /// The tokenizer that lies beside the weights, whose ids the embedding must have rows for.
    ///
    /// - Throws: `CorpusError`, and `ConfigurationError` where it has more entries than the model.
    public func tokenizer() throws -> ByteLevelBPE {
        let tokenizer = try ByteLevelBPE(directory: directory)
        // A model may have more: some pad their embedding.
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw ConfigurationError(
                "\(directory): its tokenizer has \(tokenizer.vocabularySize) entries, its model "
                    + "\(configuration.vocabularySize); use a tokenizer and weights that belong together")
        }
        return tokenizer
    }

    private static func names(
        of model: ModelConfiguration, in weights: SafetensorsModel
    ) throws -> [String: String] {
        let stored = Set(weights.tensors.map(\.name)), known = model.storedNames
        var names: [String: String] = [:]
        for spec in model.parameters {
            let short = spec.name.hasPrefix(known.prefix) ? String(spec.name.dropFirst(known.prefix.count)) : spec.name
            guard let name = [spec.name, short].first(where: stored.contains) else {
                throw ExchangeError.missingTensor(path: weights.directory, name: spec.name)
            }
            names[spec.name] = name
        }
        let foreign = stored.subtracting(names.values).subtracting([known.head])
            .filter { name in !known.buffers.contains { name.hasSuffix($0) } }
        if let name = foreign.min() {
            throw ConfigurationError(
                "\(weights.directory): holds a weight \(name), which \(model.familyName) models have not; "
                    + "choose a language model of that family")
        }
        return names
    }

    /// A parameter's values as float32.
    ///
    /// - Parameters:
    ///   - spec: One of the configuration's parameters.
    ///   - values: As many elements as its shape has.
    /// - Throws: `ExchangeError`, and `ConfigurationError` where a head that is to be the token embedding differs from it.
    public func read(_ spec: ParameterSpec, into values: Buffer<Float>) throws {
        try weights.read(names[spec.name] ?? spec.name, shape: spec.shape, into: values)
        let head = configuration.storedNames.head
        guard spec.place == .embeddingAndHead, spec.role == .tokenEmbedding, weights.tensor(head) != nil else { return }
        let stored = Buffer<Float>(uninitialized: spec.count)
        try weights.read(head, shape: spec.shape, into: stored)
        guard stored.array == values.array else {
            throw ConfigurationError(
                "\(directory): \(head) differs from the token embedding, and config.json ties the two; "
                    + "use the config.json that was saved with the weights")
        }
    }
}
