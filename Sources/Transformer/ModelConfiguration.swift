/// The shape of a GPT-2 language model (Radford et al. 2019).
public struct ModelConfiguration: Codable, Equatable, Sendable {
    /// V, number of tokens in the vocabulary.
    public var vocabularySize: Int
    /// L, the longest sequence, in tokens.
    public var context: Int
    /// D, width of the residual stream.
    public var width: Int
    /// H, attention heads a layer; head width is d = D / H.
    public var heads: Int
    /// N, number of layers.
    public var layers: Int
    /// Probability of dropping an element after the embedding, in the attention weights and after both projections.
    public var dropout: Float

    /// Throws `ConfigurationError` naming the value that cannot be.
    public init(
        vocabularySize: Int, context: Int, width: Int, heads: Int, layers: Int, dropout: Float = 0
    ) throws(ConfigurationError) {
        self.vocabularySize = vocabularySize
        self.context = context
        self.width = width
        self.heads = heads
        self.layers = layers
        self.dropout = dropout
        for (name, value, most) in [
            ("vocabulary", vocabularySize, 1 << 20), ("context", context, 1 << 20), ("width", width, 1 << 16),
            ("heads", heads, 1 << 12), ("layers", layers, 1 << 12),
        ] where value < 1 || value > most {
            throw ConfigurationError("\(name) is \(value); it must lie between 1 and \(most)")
        }
        guard width % heads == 0 else {
            let fits = (1...width).filter { width % $0 == 0 && $0 <= 64 }.map(String.init).joined(separator: ", ")
            throw ConfigurationError("\(heads) heads do not divide width \(width); heads that do: \(fits)")
        }
        guard dropout >= 0, dropout < 1 else {
            throw ConfigurationError("dropout is \(dropout); it must be at least 0 and below 1")
        }
    }

    /// Checks what it reads as `init` does, since a checkpoint's text may say anything.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            vocabularySize: values.decode(Int.self, forKey: .vocabularySize),
            context: values.decode(Int.self, forKey: .context), width: values.decode(Int.self, forKey: .width),
            heads: values.decode(Int.self, forKey: .heads), layers: values.decode(Int.self, forKey: .layers),
            dropout: values.decode(Float.self, forKey: .dropout))
    }

    /// d, the width of one head.
    public var headWidth: Int { width / heads }

    /// Parameters of the whole model; the head shares the token embedding.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

    /// Multiply-adds that one layer's matrices take per token, forward, attention aside.
    var layerProducts: Int { parameters.reduce(0) { $0 + ($1.layer == 0 && $1.decays ? $1.count : 0) } }

    /// All parameters as the family describes them, in the arena's order.
    public var parameters: [ParameterSpec] { GPT2.parameters(self) }

    /// F, the width of the feed-forward's hidden layer.
    public var feedForwardWidth: Int { GPT2.feedForwardWidth(width) }

    /// FLOPs that training on one token of a sequence of `length` needs, forward and backward: 6 for each weight in a
    /// product, and the causal half of attention. Nothing recomputed or masked counts (Kaplan et al. 2020, section 2.1).
    public func trainingFLOPs(perTokenOfLength length: Int) -> Double {
        let products = Double(layers * layerProducts + vocabularySize * width)
        return 6 * products + 6 * Double(layers * width * length)
    }
}

/// A model or stage that cannot be; the text says which value and what would do.
public struct ConfigurationError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
