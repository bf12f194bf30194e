import Corpus
import Exchange
import Foundation
import Kernels
import Trainer
import Transformer

/// A GPT-2 model in a directory that Hugging Face's `save_pretrained` wrote: opened, and checked before a weight is read.
struct HuggingFaceModel {
    let configuration: ModelConfiguration
    let tokenizer: ByteLevelBPE
    private let weights: SafetensorsModel
    /// The file's name of each parameter.
    private let names: [String: String]

    /// What the base model's names lack.
    private static let prefix = "transformer."
    /// The tied head, which some files hold beside the embedding.
    private static let head = "lm_head.weight"
    /// Causal masks, which older files hold beside the weights.
    private static let buffers = [".attn.bias", ".attn.masked_bias"]

    /// - Throws: `ExchangeError`, `CorpusError` and `ConfigurationError` for a model that is none of these, is not whole, or has
    ///   weights that this model does not.
    init(directory: String) throws {
        let path = directory + "/" + DescribedModel.fileName
        guard case .gpt2(let description) = try DescribedModel(directory: directory) else {
            throw ConfigurationError("\(path): model_type: only gpt2 can be imported; choose a GPT-2 model")
        }
        let model = try ModelConfiguration(
            vocabularySize: description.vocabularySize, context: description.context, width: description.width,
            heads: description.heads, layers: description.layers)
        for (key, isSupported, known) in [
            ("n_inner", description.innerWidth == model.feedForwardWidth, "a feed-forward four times as wide as the model"),
            ("layer_norm_epsilon", Float(description.normEpsilon) == layerNormEpsilon, "an epsilon of \(layerNormEpsilon)"),
            ("tie_word_embeddings", description.tiesEmbeddings, "a head that is tied to the token embedding"),
        ] where !isSupported {
            throw ConfigurationError("\(path): \(key): not supported as it is; choose a model with \(known)")
        }
        let weights = try SafetensorsModel(directory: directory)
        names = try Self.names(of: model, in: weights, path: directory)
        let tokenizer = try ByteLevelBPE(directory: directory)
        guard tokenizer.vocabularySize == model.vocabularySize else {
            throw ConfigurationError(
                "\(directory): its tokenizer has \(tokenizer.vocabularySize) entries, its model \(model.vocabularySize); "
                    + "use a tokenizer and weights that belong together")
        }
        configuration = model
        self.tokenizer = tokenizer
        self.weights = weights
    }

    private static func names(
        of model: ModelConfiguration, in weights: SafetensorsModel, path: String
    ) throws(ConfigurationError) -> [String: String] {
        let stored = Set(weights.tensors.map(\.name))
        var names: [String: String] = [:]
        for spec in model.parameters {
            let short = String(spec.name.dropFirst(prefix.count))
            guard let name = [spec.name, short].first(where: stored.contains) else {
                throw ConfigurationError("\(path): has no weight \(spec.name); use the weights that belong to its config.json")
            }
            names[spec.name] = name
        }
        let known = Set(names.values).union([head])
        if let foreign = stored.subtracting(known).filter({ name in !buffers.contains { name.hasSuffix($0) } }).min() {
            throw ConfigurationError("\(path): holds a weight \(foreign), which GPT-2 has not; choose a GPT-2 language model")
        }
        return names
    }

    /// A parameter's values.
    ///
    /// - Throws: `ExchangeError`, and `ConfigurationError` where the head is not the embedding.
    func read(_ spec: ParameterSpec) throws -> Buffer<Float> {
        let values = Buffer<Float>(uninitialized: spec.count)
        try weights.read(names[spec.name] ?? spec.name, shape: spec.shape, into: values)
        if spec.role == .tokenEmbedding, weights.tensor(Self.head) != nil {
            let head = Buffer<Float>(uninitialized: spec.count)
            try weights.read(Self.head, shape: spec.shape, into: head)
            guard head.array == values.array else {
                throw ConfigurationError(
                    "\(weights.directory): \(Self.head) differs from the token embedding, and a head of its own is not "
                        + "supported; choose a model whose head is tied")
            }
        }
        return values
    }
}
