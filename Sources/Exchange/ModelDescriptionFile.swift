import Foundation
import Model

/// A model's `config.json`, by transformers' names.
public struct ModelDescriptionFile: Sendable {
    /// The file's bytes.
    public let bytes: [UInt8]

    /// - Parameters:
    ///   - startOfText: Id of the token that begins a text, where the files that the model came in did not say.
    ///   - endOfText: Id of the token that ends one, likewise.
    /// - Throws: What the encoder throws.
    public init(_ model: ModelConfiguration, startOfText: Int, endOfText: Int) throws {
        let ends = (TokenIDs(model.textEnds?.start ?? [startOfText]), TokenIDs(model.textEnds?.end ?? [endOfText]))
        bytes =
            switch model.family {
            case .gpt2: try prettyJSON(GPT2Fields(model, ends))
            case .llama(let shape): try prettyJSON(LlamaFields(model, shape, ends))
            }
    }
}

/// Ids under one key: a number, a list of several, or `null`.
private struct TokenIDs: Encodable {
    let ids: [Int]

    init(_ ids: [Int]) { self.ids = ids }

    func encode(to encoder: any Swift.Encoder) throws {
        var value = encoder.singleValueContainer()
        switch ids.count {
        case 0: try value.encodeNil()
        case 1: try value.encode(ids[0])
        default: try value.encode(ids)
        }
    }
}

private struct GPT2Fields: Encodable {
    let architectures = ["GPT2LMHeadModel"], model_type = "gpt2", activation_function = "gelu_new", dtype = "float32"
    let layer_norm_epsilon = 1e-5, initializer_range = 0.02, tie_word_embeddings = true
    let vocab_size, n_positions, n_embd, n_layer, n_head: Int
    let bos_token_id, eos_token_id: TokenIDs
    let attn_pdrop, embd_pdrop, resid_pdrop: Float

    init(_ model: ModelConfiguration, _ ends: (TokenIDs, TokenIDs)) {
        (vocab_size, n_positions, n_embd) = (model.vocabularySize, model.context, model.width)
        (n_layer, n_head) = (model.layers, model.heads)
        (bos_token_id, eos_token_id) = ends
        (attn_pdrop, embd_pdrop, resid_pdrop) = (model.dropout, model.dropout, model.dropout)
    }
}

/// Of the Llama family: a Qwen2 where only queries, keys and values have biases, which Llama's own keys cannot say.
private struct LlamaFields: Encodable {
    let architectures: [String], model_type: String
    let hidden_act = "silu", dtype = "float32", initializer_range = 0.02
    let vocab_size, max_position_embeddings, hidden_size, num_hidden_layers, num_attention_heads: Int
    let num_key_value_heads, head_dim, intermediate_size: Int
    let bos_token_id, eos_token_id: TokenIDs
    let rms_norm_eps: Double, rope_theta: Double
    let rope_scaling: Scaling?
    let tie_word_embeddings: Bool
    let attention_bias, mlp_bias, use_sliding_window: Bool?

    struct Scaling: Encodable {
        let rope_type: String
        let factor: Double
        var low_freq_factor, high_freq_factor: Double?
        var original_max_position_embeddings: Int?
    }

    init(_ model: ModelConfiguration, _ shape: LlamaShape, _ ends: (TokenIDs, TokenIDs)) {
        let isQwen2 = shape.hasInputBias && !shape.hasOutputBias
        (architectures, model_type) = isQwen2 ? (["Qwen2ForCausalLM"], "qwen2") : (["LlamaForCausalLM"], "llama")
        (vocab_size, max_position_embeddings, hidden_size) = (model.vocabularySize, shape.mostPositions, model.width)
        (num_hidden_layers, num_attention_heads) = (model.layers, model.heads)
        (num_key_value_heads, head_dim) = (shape.keyValueHeads, shape.headWidth)
        intermediate_size = shape.feedForwardWidth
        (bos_token_id, eos_token_id) = ends
        // The shortest decimal of the float: 1e-05 and not its binary neighbour.
        rms_norm_eps = Double("\(shape.normEpsilon)") ?? Double(shape.normEpsilon)
        rope_theta = shape.rotation.base
        rope_scaling =
            switch shape.rotation.scaling {
            case .none: nil
            case .linear(let factor): Scaling(rope_type: "linear", factor: factor)
            case .llama3(let factor, let low, let high, let original):
                Scaling(
                    rope_type: "llama3", factor: factor, low_freq_factor: low, high_freq_factor: high,
                    original_max_position_embeddings: original)
            }
        tie_word_embeddings = shape.tiesHead
        attention_bias = isQwen2 ? nil : shape.hasInputBias
        mlp_bias = isQwen2 ? nil : shape.hasFeedForwardBias
        use_sliding_window = isQwen2 ? false : nil
    }
}

/// A value as the text of a JSON file that people read: indented, keys sorted, a line's end at the end.
///
/// - Throws: what the encoder throws.
public func prettyJSON(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
}
