import Options

/// GPT-2 (Radford et al. 2019): learnt positions, pre-norm layers of LayerNorm, attention and a feed-forward of four times the
/// width, and a head that shares the token embedding. Names and shapes are Hugging Face's; matrices of layers are [in, out].
struct GPT2: FamilyDescription {
    let name = "GPT-2"
    let mostPositions: Int? = nil
    let storedNames = StoredNames(
        prefix: "transformer.", buffers: [".attn.bias", ".attn.masked_bias"], head: "lm_head.weight")

    /// The deviation of initial weights.
    private static let deviation: Float = 0.02

    func check(_ model: ModelConfiguration) throws(ConfigurationError) {
        let (width, heads) = (model.width, model.heads)
        guard width % heads == 0 else {
            let fits = (1...width).filter { width % $0 == 0 && $0 <= 64 }.map(String.init).joined(separator: ", ")
            throw ConfigurationError("\(heads) heads do not divide width \(width); heads that do: \(fits)")
        }
    }

    func layer(of model: ModelConfiguration) -> LayerShape {
        Self.layer(width: model.width, heads: model.heads, feedForward: 4 * model.width)
    }

    static func layer(width: Int, heads: Int, feedForward: Int) -> LayerShape {
        LayerShape(
            width: width, attention: AttentionShape(heads: heads, headWidth: width / heads),
            feedForwardWidth: feedForward, activation: .gelu, norm: .layerNorm, rotation: nil, hasInputBias: true,
            storage: .inputsByOutputs)
    }

    func parameters(of model: ModelConfiguration) -> [ParameterSpec] {
        let D = model.width
        return [
            ParameterSpec(
                "transformer.wte.weight", [model.vocabularySize, D], .tokenEmbedding, in: .embeddingAndHead,
                starts: .normal(deviation: Self.deviation)),
            ParameterSpec(
                "transformer.wpe.weight", [model.context, D], .positionEmbedding, in: .embedding,
                starts: .normal(deviation: Self.deviation)),
        ] + Self.layers(model.layers, width: D, feedForward: 4 * D, prefix: "transformer.")
            + Self.finalNorm(width: D, prefix: "transformer.")
    }

    /// Of `count` layers; what writes to the residual stream starts smaller by √(2N).
    static func layers(_ count: Int, width D: Int, feedForward F: Int, prefix: String) -> [ParameterSpec] {
        let weight = ParameterStart.normal(deviation: deviation)
        let residual = ParameterStart.normal(deviation: deviation / (2 * Float(count)).squareRoot())
        let gain = ParameterStart.constant(1), bias = ParameterStart.constant(0)
        return (0..<count).flatMap { layer in
            [
                ("ln_1.weight", [D], .norm1Gain, gain), ("ln_1.bias", [D], .norm1Bias, bias),
                ("attn.c_attn.weight", [D, 3 * D], .attention, weight), ("attn.c_attn.bias", [3 * D], .attentionBias, bias),
                ("attn.c_proj.weight", [D, D], .attentionProjection, residual),
                ("attn.c_proj.bias", [D], .attentionProjectionBias, bias),
                ("ln_2.weight", [D], .norm2Gain, gain), ("ln_2.bias", [D], .norm2Bias, bias),
                ("mlp.c_fc.weight", [D, F], .feedForward, weight), ("mlp.c_fc.bias", [F], .feedForwardBias, bias),
                ("mlp.c_proj.weight", [F, D], .feedForwardProjection, residual),
                ("mlp.c_proj.bias", [D], .feedForwardProjectionBias, bias),
            ].map { (name: String, shape: [Int], role: ParameterRole, start: ParameterStart) in
                ParameterSpec(prefix + "h.\(layer)." + name, shape, role, in: .layer(layer), starts: start)
            }
        }
    }

    static func finalNorm(width D: Int, prefix: String) -> [ParameterSpec] {
        [
            ParameterSpec(prefix + "ln_f.weight", [D], .finalNormGain, in: .head, starts: .constant(1)),
            ParameterSpec(prefix + "ln_f.bias", [D], .finalNormBias, in: .head, starts: .constant(0)),
        ]
    }
}
