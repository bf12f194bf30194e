import Options
import Transformer

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
