import Model
import Options

/// What a `config.json` says of a model: its family and sizes, checked, and no more than this program can run.
public enum DescribedModel: Equatable, Sendable {
    case gpt2(GPT2Description)
    case llama(LlamaDescription)
}

/// A model of GPT-2's architecture (transformers' `GPT2Config`): learnt positions, LayerNorm before each part,
/// tanh-approximated GELU, biases everywhere.
public struct GPT2Description: Equatable, Sendable {
    /// Entries of the vocabulary.
    public var vocabularySize: Int
    /// Most positions of a sequence.
    public var context: Int
    /// Width of the residual stream.
    public var width: Int
    /// Number of layers.
    public var layers: Int
    /// Heads of attention; they divide the width.
    public var heads: Int
    /// Width inside the feed-forward part.
    public var innerWidth: Int
    /// ε of the norms.
    public var normEpsilon: Double
    /// Whether the head's weights are the embedding's.
    public var tiesEmbeddings: Bool
    /// The tokens that start and end a text.
    public var textEnds: TextEnds
}

/// A model of Llama's architecture (transformers' `LlamaConfig`, `MistralConfig`, `Qwen2Config`): rotary positions,
/// RMSNorm before each part, gated feed-forward part with SiLU, query heads in groups that share keys and values.
public struct LlamaDescription: Equatable, Sendable {
    /// The families whose parts these are; what sets them apart is in the other fields.
    public enum Family: String, CaseIterable, Sendable {
        case llama, mistral, qwen2
    }

    /// Entries of the vocabulary.
    public var vocabularySize: Int
    /// Most positions of a sequence.
    public var context: Int
    /// Width of the residual stream.
    public var width: Int
    /// Number of layers.
    public var layers: Int
    /// Heads of queries.
    public var heads: Int
    /// Heads of keys and values; they divide `heads`.
    public var keyValueHeads: Int
    /// Width of a head, even; `heads` of them need not make the width.
    public var headWidth: Int
    /// Width inside the feed-forward part.
    public var innerWidth: Int
    /// ε of the norms.
    public var normEpsilon: Double
    /// How queries and keys are rotated.
    public var rotation: RotaryPositions
    /// Whether the head's weights are the embedding's.
    public var tiesEmbeddings: Bool
    /// Whether queries, keys and values have biases.
    public var hasQueryKeyValueBias: Bool
    /// Whether attention's output has one.
    public var hasAttentionOutputBias: Bool
    /// Whether the three maps of the feed-forward part have.
    public var hasFeedForwardBias: Bool
    /// The tokens that start and end a text.
    public var textEnds: TextEnds
}

extension ModelConfiguration {
    /// The model that a `config.json` describes.
    ///
    /// - Parameter directory: Where it lies, for messages.
    /// - Throws: `ConfigurationError` naming the key that this program cannot honour.
    init(_ described: DescribedModel, directory: String) throws(ConfigurationError) {
        switch described {
        case .gpt2(let model): try self.init(model, path: directory + "/" + DescribedModel.fileName)
        case .llama(let model): try self.init(model)
        }
    }

    private init(_ model: GPT2Description, path: String) throws(ConfigurationError) {
        try self.init(
            vocabularySize: model.vocabularySize, context: model.context, width: model.width, heads: model.heads,
            layers: model.layers, textEnds: model.textEnds)
        for (key, isSupported, known) in [
            ("n_inner", model.innerWidth == feedForwardWidth, "a feed-forward four times as wide as the model"),
            ("layer_norm_epsilon", Float(model.normEpsilon) == layerNormEpsilon, "an epsilon of \(layerNormEpsilon)"),
            ("tie_word_embeddings", model.tiesEmbeddings, "a head that is tied to the token embedding"),
        ] where !isSupported {
            throw ConfigurationError("\(path): \(key): not supported as it is; choose a model with \(known)")
        }
    }

    private init(_ model: LlamaDescription) throws(ConfigurationError) {
        try self.init(
            vocabularySize: model.vocabularySize, context: model.context, width: model.width, heads: model.heads,
            layers: model.layers,
            family: .llama(
                LlamaShape(
                    keyValueHeads: model.keyValueHeads, headWidth: model.headWidth, feedForwardWidth: model.innerWidth,
                    normEpsilon: Float(model.normEpsilon), rotation: model.rotation,
                    mostPositions: model.context, hasInputBias: model.hasQueryKeyValueBias,
                    hasOutputBias: model.hasAttentionOutputBias, hasFeedForwardBias: model.hasFeedForwardBias,
                    tiesHead: model.tiesEmbeddings)), textEnds: model.textEnds)
    }
}
