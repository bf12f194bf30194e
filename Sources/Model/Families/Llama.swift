import Options

/// What sets one Llama-style model apart from another of the same width, heads and layers.
public struct LlamaShape: Codable, Equatable, Sendable {
    /// G, heads of keys and values.
    public var keyValueHeads: Int
    /// d, even; H heads of it need not make the width.
    public var headWidth: Int
    /// F.
    public var feedForwardWidth: Int
    /// ε of RMSNorm.
    public var normEpsilon: Float
    /// How positions turn queries and keys.
    public var rotation: RotaryPositions
    /// Positions that the model was made for; a run's context may be shorter.
    public var mostPositions: Int
    /// Whether the maps to queries, keys and values have biases, as Qwen2's.
    public var hasInputBias: Bool
    /// Whether attention's output map has one.
    public var hasOutputBias: Bool
    /// Whether the feed-forward's three maps have.
    public var hasFeedForwardBias: Bool
    /// Whether the head's matrix is the token embedding.
    public var tiesHead: Bool

    /// The shape of a Llama model.
    public init(
        keyValueHeads: Int, headWidth: Int, feedForwardWidth: Int, normEpsilon: Float, rotation: RotaryPositions,
        mostPositions: Int, hasInputBias: Bool = false, hasOutputBias: Bool = false, hasFeedForwardBias: Bool = false, tiesHead: Bool
    ) {
        self.keyValueHeads = keyValueHeads
        self.headWidth = headWidth
        self.feedForwardWidth = feedForwardWidth
        self.normEpsilon = normEpsilon
        self.rotation = rotation
        self.mostPositions = mostPositions
        self.hasInputBias = hasInputBias
        self.hasOutputBias = hasOutputBias
        self.hasFeedForwardBias = hasFeedForwardBias
        self.tiesHead = tiesHead
    }
}

/// Llama (Touvron et al. 2023) and what is built alike: SmolLM2, TinyLlama, Mistral, Qwen2. Rotary positions, pre-norm layers of
/// RMSNorm, grouped attention (Ainslie et al. 2023) and a SwiGLU feed-forward (Shazeer 2020). Names and shapes are Hugging
/// Face's; matrices are [out, in].
struct Llama: FamilyDescription {
    let name = "Llama"
    let storedNames = StoredNames(prefix: "model.", buffers: [".rotary_emb.inv_freq"], head: "lm_head.weight")
    var mostPositions: Int? { shape.mostPositions }
    private let shape: LlamaShape

    init(_ shape: LlamaShape) { self.shape = shape }

    /// The deviation of initial weights.
    private static let deviation: Float = 0.02

    func check(_ model: ModelConfiguration) throws(ConfigurationError) {
        for (name, value, most) in [
            ("key/value heads", shape.keyValueHeads, 1 << 12), ("head width", shape.headWidth, 1 << 12),
            ("feed-forward width", shape.feedForwardWidth, 1 << 20),
        ] where value < 1 || value > most {
            throw ConfigurationError("\(name) is \(value); it must lie between 1 and \(most)")
        }
        guard model.context <= shape.mostPositions else {
            throw ConfigurationError("context is \(model.context); the model was made for at most \(shape.mostPositions) positions")
        }
        guard model.heads % shape.keyValueHeads == 0 else {
            throw ConfigurationError("\(shape.keyValueHeads) heads of keys and values do not divide \(model.heads) heads of queries")
        }
        guard shape.headWidth % 2 == 0 else {
            throw ConfigurationError("the head width is \(shape.headWidth); rotary positions turn pairs, so it must be even")
        }
        guard shape.rotation.base > 0, shape.rotation.base.isFinite else {
            throw ConfigurationError("the base of the rotary positions is \(shape.rotation.base); it must be above 0")
        }
        try check(shape.rotation.scaling)
        guard shape.normEpsilon > 0, shape.normEpsilon < 1 else {
            throw ConfigurationError("the norm's epsilon is \(shape.normEpsilon); it must be above 0 and below 1")
        }
    }

    private func check(_ scaling: RotaryPositions.Scaling) throws(ConfigurationError) {
        let isRight =
            switch scaling {
            case .none: true
            case .linear(let factor): factor > 0 && factor.isFinite
            case .llama3(let factor, let low, let high, let original):
                factor > 0 && factor.isFinite && low > 0 && high > low && high.isFinite && original >= 1
            }
        guard isRight else {
            throw ConfigurationError("the scaling of rotary positions is \(scaling); its factors must be above 0, low below high")
        }
    }

    func layer(of model: ModelConfiguration) -> LayerShape {
        LayerShape(
            width: model.width,
            attention: AttentionShape(
                heads: model.heads, keyValueHeads: shape.keyValueHeads, headWidth: shape.headWidth),
            feedForwardWidth: shape.feedForwardWidth, activation: .swiGLU, norm: .rmsNorm(epsilon: shape.normEpsilon),
            rotation: shape.rotation, hasInputBias: shape.hasInputBias, storage: .outputsByInputs)
    }

    func parameters(of model: ModelConfiguration) -> [ParameterSpec] {
        let V = model.vocabularySize, D = model.width, weight = ParameterStart.normal(deviation: Self.deviation)
        let embedding = ParameterSpec(
            "model.embed_tokens.weight", [V, D], .tokenEmbedding, in: shape.tiesHead ? .embeddingAndHead : .embedding,
            starts: weight)
        let norm = ParameterSpec("model.norm.weight", [D], .finalNormGain, in: .head, starts: .constant(1))
        let head = shape.tiesHead ? [] : [ParameterSpec("lm_head.weight", [V, D], .head, in: .head, starts: weight)]
        return [embedding] + (0..<model.layers).flatMap { layer($0, of: model) } + [norm] + head
    }

    /// What writes to the residual stream starts smaller by √(2N), as in GPT-2.
    private func layer(_ number: Int, of model: ModelConfiguration) -> [ParameterSpec] {
        let D = model.width, F = shape.feedForwardWidth
        let own = layer(of: model).attention, keys = own.keys.count
        let weight = ParameterStart.normal(deviation: Self.deviation)
        let residual = ParameterStart.normal(deviation: Self.deviation / (2 * Float(model.layers)).squareRoot())
        func spec(_ name: String, _ dimensions: [Int], _ role: ParameterRole, _ start: ParameterStart) -> ParameterSpec {
            ParameterSpec("model.layers.\(number)." + name, dimensions, role, in: .layer(number), starts: start)
        }
        func bias(_ name: String, _ count: Int, _ role: ParameterRole, _ isThere: Bool) -> [ParameterSpec] {
            isThere ? [spec(name + ".bias", [count], role, .constant(0))] : []
        }
        let queries = "self_attn.q_proj", keyName = "self_attn.k_proj", values = "self_attn.v_proj"
        let output = "self_attn.o_proj", gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj"
        var all = [
            spec("input_layernorm.weight", [D], .norm1Gain, .constant(1)),
            spec(queries + ".weight", [own.width, D], .attention, weight),
            spec(keyName + ".weight", [keys, D], .attention, weight),
            spec(values + ".weight", [keys, D], .attention, weight),
        ]
        all += bias(queries, own.width, .attentionBias, shape.hasInputBias)
        all += bias(keyName, keys, .attentionBias, shape.hasInputBias)
        all += bias(values, keys, .attentionBias, shape.hasInputBias)
        all.append(spec(output + ".weight", [D, own.width], .attentionProjection, residual))
        all += bias(output, D, .attentionProjectionBias, shape.hasOutputBias)
        all += [
            spec("post_attention_layernorm.weight", [D], .norm2Gain, .constant(1)),
            spec(gate + ".weight", [F, D], .feedForward, weight), spec(up + ".weight", [F, D], .feedForward, weight),
        ]
        all += bias(gate, F, .feedForwardBias, shape.hasFeedForwardBias)
        all += bias(up, F, .feedForwardBias, shape.hasFeedForwardBias)
        all.append(spec(down + ".weight", [D, F], .feedForwardProjection, residual))
        all += bias(down, D, .feedForwardProjectionBias, shape.hasFeedForwardBias)
        return all
    }
}
