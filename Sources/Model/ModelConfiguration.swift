import Options

/// The shape of a language model: sizes that every family has, and the family with what it adds.
///
///     let model = try ModelConfiguration(vocabularySize: 8192, context: 512, width: 256, heads: 4, layers: 4)
///     print(model.parameterCount)
public struct ModelConfiguration: Equatable, Sendable {
    /// V, number of tokens in the vocabulary.
    public var vocabularySize: Int
    /// L, the longest sequence, in tokens.
    public var context: Int
    /// D, width of the residual stream.
    public var width: Int
    /// H, attention heads a layer.
    public var heads: Int
    /// N, number of layers.
    public var layers: Int
    /// Probability of dropping an element after the embedding, in the attention weights and after both projections.
    public var dropout: Float
    /// What it has in common with other models: parameters, layers, names.
    public var family: ModelFamily
    /// What the files that it came in say of texts' ends; nil where it was made here.
    public var textEnds: TextEnds?

    /// The largest sizes there are.
    public static let most = (vocabulary: 1 << 20, context: 1 << 20, width: 1 << 16, heads: 1 << 12, layers: 1 << 12)

    /// - Throws: `ConfigurationError` naming the value that cannot be.
    public init(
        vocabularySize: Int, context: Int, width: Int, heads: Int, layers: Int, dropout: Float = 0,
        family: ModelFamily = .gpt2, textEnds: TextEnds? = nil
    ) throws(ConfigurationError) {
        self.vocabularySize = vocabularySize
        self.context = context
        self.width = width
        self.heads = heads
        self.layers = layers
        self.dropout = dropout
        self.family = family
        self.textEnds = textEnds
        for (name, value, most) in [
            ("vocabulary", vocabularySize, Self.most.vocabulary), ("context", context, Self.most.context),
            ("width", width, Self.most.width), ("heads", heads, Self.most.heads), ("layers", layers, Self.most.layers),
        ] where value < 1 || value > most {
            throw ConfigurationError("\(name) is \(value); it must lie between 1 and \(most)")
        }
        guard dropout >= 0, dropout < 1 else {
            throw ConfigurationError("dropout is \(dropout); it must be at least 0 and below 1")
        }
        try family.description.check(self)
    }

    /// What people call the model's family.
    public var familyName: String { family.description.name }

    /// The shape of every layer.
    public var layer: LayerShape { family.description.layer(of: self) }

    /// The longest sequence that it can be given: L where positions are learnt, else as many as the model was made for.
    public var longestContext: Int { max(context, family.description.mostPositions ?? context) }

    /// d, the width of one head.
    public var headWidth: Int { layer.attention.headWidth }

    /// G, heads of keys and values.
    public var keyValueHeads: Int { layer.attention.keyValueHeads }

    /// F, the width of the feed-forward's hidden layer.
    public var feedForwardWidth: Int { layer.feedForwardWidth }

    /// All parameters as the family describes them, in the arena's order.
    public var parameters: [ParameterSpec] { family.description.parameters(of: self) }

    /// Whether the head's matrix is the token embedding.
    public var tiesHead: Bool { !parameters.contains { $0.role == .head } }

    /// Parameters of the whole model; a tied head has none of its own.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

    /// Multiply-adds that one layer's matrices take per token, forward, attention aside.
    var layerProducts: Int { parameters.reduce(0) { $0 + ($1.layer == 0 && $1.decays ? $1.count : 0) } }

    /// FLOPs that training on one token of a sequence of `length` needs, forward and backward: 6 for each weight in a
    /// product, and the causal half of attention. Nothing recomputed or masked counts (Kaplan et al. 2020, section 2.1).
    ///
    /// - Parameter adapter: what learns in place of the weights, whose gradients then need none of their 2; nil for these.
    public func trainingFLOPs(perTokenOfLength length: Int, adapter: PlacedAdapter? = nil) -> Double {
        let products = Double(layers * layerProducts + vocabularySize * width)
        let ofWeights = adapter.map { 4 * products + 6 * Double($0.parameterCount) } ?? 6 * products
        return ofWeights + 6 * Double(layers * layer.attention.width * length)
    }
}

extension ModelConfiguration: Codable {
    private enum CodingKeys: String, CodingKey {
        case vocabularySize, context, width, heads, layers, dropout, family, textEnds
    }

    /// Checks what it reads as `init` does, since a checkpoint's text may say anything; one that names no family is GPT-2.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            vocabularySize: values.decode(Int.self, forKey: .vocabularySize),
            context: values.decode(Int.self, forKey: .context), width: values.decode(Int.self, forKey: .width),
            heads: values.decode(Int.self, forKey: .heads), layers: values.decode(Int.self, forKey: .layers),
            dropout: values.decode(Float.self, forKey: .dropout),
            family: values.decodeIfPresent(ModelFamily.self, forKey: .family) ?? .gpt2,
            textEnds: values.decodeIfPresent(TextEnds.self, forKey: .textEnds))
    }

    /// A GPT-2 is written without its family, and a model without what its files say where it came in none: as checkpoints
    /// had it before.
    public func encode(to encoder: any Swift.Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(vocabularySize, forKey: .vocabularySize)
        try values.encode(context, forKey: .context)
        try values.encode(width, forKey: .width)
        try values.encode(heads, forKey: .heads)
        try values.encode(layers, forKey: .layers)
        try values.encode(dropout, forKey: .dropout)
        if family != .gpt2 { try values.encode(family, forKey: .family) }
        try values.encodeIfPresent(textEnds, forKey: .textEnds)
    }
}

/// The tokens that begin and end a text as the files say that a model came in: carried along, so that they go out again.
///
/// Of each: nil where the files say nothing, none where they say that there is none, and several where a turn of a dialogue
/// ends otherwise than a text.
public struct TextEnds: Equatable, Codable, Sendable {
    /// `bos_token_id`.
    public var start: [Int]?
    /// `eos_token_id`.
    public var end: [Int]?

    /// Tokens by their ids; nil where files say nothing.
    public init(start: [Int]?, end: [Int]?) {
        self.start = start
        self.end = end
    }
}
