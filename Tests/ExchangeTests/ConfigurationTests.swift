import Exchange
import Foundation
import Model
import TestSupport
import Testing

/// What `config.json` is taken for, and what is refused by key.
@Suite struct ConfigurationTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func model(_ text: String) throws -> DescribedModel {
        _ = try scratch.write(text, to: "config.json")
        return try DescribedModel(directory: scratch.path)
    }

    private func gpt2(_ text: String) throws -> GPT2Description {
        guard case .gpt2(let description) = try model(text) else { throw SupportError("not a GPT-2") }
        return description
    }

    private func llama(_ text: String) throws -> LlamaDescription {
        guard case .llama(let description) = try model(text) else { throw SupportError("not a Llama") }
        return description
    }

    /// The text with `members` put in front, and keys of the same name taken out.
    private func changing(_ text: String, _ members: String, without keys: String...) throws -> String {
        var object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        // Only its keys matter, and Foundation has no such number.
        let readable = "{\(members.replacing("1e400", with: "1"))}"
        let new = try #require(try JSONSerialization.jsonObject(with: Data(readable.utf8)) as? [String: Any])
        for key in keys + new.keys { object[key] = nil }
        let rest = String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self).dropFirst()
        return members.isEmpty ? "{" + rest : "{\(members),\(rest)"
    }

    @Test func gpt2() throws {
        let description = try gpt2(SmallConfiguration.gpt2)
        #expect(description.vocabularySize == 50257)
        #expect(description.context == 1024)
        #expect(description.width == 768)
        #expect(description.layers == 12)
        #expect(description.heads == 12)
        #expect(description.innerWidth == 3072)
        #expect(description.normEpsilon == 1e-5)
        #expect(description.tiesEmbeddings)

        let other = try gpt2(
            changing(
                SmallConfiguration.gpt2,
                """
                "n_inner":100,"tie_word_embeddings":false,"hidden_size":768,"activation_function":"gelu_pytorch_tanh"
                """, without: "layer_norm_epsilon", "n_embd"))
        #expect(other.innerWidth == 100)
        #expect(other.normEpsilon == 1e-5)
        #expect(!other.tiesEmbeddings)
        #expect(other.width == 768)
    }

    @Test func llama() throws {
        let description = try llama(SmallConfiguration.llama)
        #expect(description.vocabularySize == 49152)
        #expect(description.context == 8192)
        #expect(description.width == 576)
        #expect(description.layers == 30)
        #expect(description.heads == 9)
        #expect(description.keyValueHeads == 3)
        #expect(description.headWidth == 64)
        #expect(description.innerWidth == 1536)
        #expect(description.normEpsilon == 1e-5)
        #expect(description.rotation == RotaryPositions(base: 100_000))
        #expect(description.tiesEmbeddings)
        #expect(!description.hasQueryKeyValueBias)
        #expect(!description.hasAttentionOutputBias)
        #expect(!description.hasFeedForwardBias)

        let other = try llama(
            changing(
                SmallConfiguration.llama, "\"attention_bias\":true,\"mlp_bias\":true,\"head_dim\":80",
                without: "rope_theta", "num_key_value_heads", "tie_word_embeddings", "hidden_act"))
        #expect(other.rotation == RotaryPositions(base: 10_000))
        #expect(other.keyValueHeads == 9)
        #expect(other.headWidth == 80)
        #expect(!other.tiesEmbeddings)
        #expect(other.hasQueryKeyValueBias)
        #expect(other.hasAttentionOutputBias)
        #expect(other.hasFeedForwardBias)
    }

    @Test func mistralAndQwen2() throws {
        let mistral = try llama(SmallConfiguration.mistral)
        #expect(mistral.headWidth == 128)
        #expect(!mistral.tiesEmbeddings)
        #expect(!mistral.hasQueryKeyValueBias)
        let qwen2 = try llama(SmallConfiguration.qwen2)
        #expect(qwen2.rotation == RotaryPositions(base: 1_000_000))
        #expect(qwen2.tiesEmbeddings)
        #expect(qwen2.hasQueryKeyValueBias)
        #expect(!qwen2.hasAttentionOutputBias)
        #expect(try !llama(changing(SmallConfiguration.qwen2, "", without: "tie_word_embeddings")).tiesEmbeddings)
        // Windows that hide nothing.
        #expect(throws: Never.self) { try llama(changing(SmallConfiguration.mistral, "\"sliding_window\":32768")) }
        #expect(throws: Never.self) { try llama(changing(SmallConfiguration.llama, "\"sliding_window\":16")) }
    }

    @Test func rotations() throws {
        func rotation(_ members: String) throws -> RotaryPositions {
            try llama(changing(SmallConfiguration.llama, members, without: "rope_scaling", "rope_theta")).rotation
        }
        let llama3 = RotaryPositions.Scaling.llama3(
            factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192)
        #expect(
            try llama(SmallConfiguration.llama3).rotation == RotaryPositions(base: 500_000, scaling: llama3))
        #expect(try rotation("\"rope_scaling\":{\"type\":\"default\"}") == RotaryPositions(base: 10_000))
        #expect(
            try rotation("\"rope_theta\":5e5,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}")
                == RotaryPositions(base: 500_000, scaling: .linear(factor: 2.5)))
        #expect(
            try rotation("\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"linear\",\"factor\":4}")
                == RotaryPositions(base: 10_000, scaling: .linear(factor: 4)))
        #expect(
            try rotation(
                """
                "rope_parameters":{"rope_theta":500000.0,"rope_type":"llama3","factor":32.0,"high_freq_factor":4.0,
                "low_freq_factor":1.0,"original_max_position_embeddings":8192,"partial_rotary_factor":1.0}
                """) == RotaryPositions(base: 500_000, scaling: llama3))
        #expect(try rotation("\"rope_parameters\":{\"rope_theta\":7.0}") == RotaryPositions(base: 7))
        #expect(try rotation("\"rope_theta\":9,\"rope_parameters\":{}") == RotaryPositions(base: 9))
    }

    private static let wrong = "; use the config.json that was saved with the weights"

    /// Expects the changed text to be refused with exactly this.
    private func refuse(
        _ text: String, _ members: String = "", without key: String = "", _ problem: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let changed = try changing(text, members, without: key)
        let line = refusal(of: scratch.path + "/config.json", sourceLocation: sourceLocation) { _ = try model(changed) }
        #expect(line == problem, sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        "vocab_size", "max_position_embeddings", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "rms_norm_eps", "model_type",
    ])
    func missingKeysOfLlama(key: String) throws {
        try refuse(SmallConfiguration.llama, without: key, "\(key): missing" + Self.wrong)
        try refuse(SmallConfiguration.llama, "\"\(key)\":null", "\(key): missing" + Self.wrong)
    }

    @Test(arguments: [
        ("n_positions", "max_position_embeddings"), ("n_embd", "hidden_size"), ("n_layer", "num_hidden_layers"),
        ("n_head", "num_attention_heads"),
    ])
    func missingKeysOfGPT2(key: String, other: String) throws {
        try refuse(SmallConfiguration.gpt2, without: key, "\(key): missing, and so is \(other)" + Self.wrong)
        try refuse(SmallConfiguration.gpt2, "\"\(other)\":1", "\(key): \(Self.values[key]!), but 1 as \(other)" + Self.wrong)
    }

    private static let values = ["n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12]

    @Test func wrongTypesAndRanges() throws {
        let llama = SmallConfiguration.llama
        for value in ["\"9\"", "true", "[9]", "{}"] {
            let shown = ["[9]": "an array", "{}": "an object"][value] ?? value
            try refuse(llama, "\"vocab_size\":\(value)", "vocab_size: \(shown) is not a whole number" + Self.wrong)
        }
        for value in ["0", "-5", "1.5", "9.0", "1e400", "1048577", "9223372036854775808"] {
            try refuse(
                llama, "\"vocab_size\":\(value)",
                "vocab_size: \(value) is not a whole number from 1 to 1048576" + Self.wrong)
        }
        for value in ["0", "-1e-5", "1e400", "2"] {
            try refuse(
                llama, "\"rms_norm_eps\":\(value)", "rms_norm_eps: \(value) is not a number from 1e-30 to 1.0" + Self.wrong)
        }
        try refuse(llama, "\"rope_theta\":\"1\"", "rope_theta: \"1\" is not a number" + Self.wrong)
        try refuse(llama, "\"mlp_bias\":0", "mlp_bias: 0 is neither true nor false" + Self.wrong)
        try refuse(llama, "\"model_type\":1", "model_type: 1 is not a string" + Self.wrong)
        try refuse(llama, "\"rope_scaling\":2", "rope_scaling: 2 is not an object" + Self.wrong)
        try refuse(
            llama, "\"num_attention_heads\":7", "num_key_value_heads: 3 does not divide the 7 heads of queries" + Self.wrong)
        try refuse(
            llama, "\"hidden_size\":577", "num_attention_heads: 9 heads do not divide the width, 577" + Self.wrong)
        try refuse(llama, "\"head_dim\":5", "head_dim: heads are 5 wide; rotary positions turn pairs" + Self.wrong)
        try refuse(SmallConfiguration.gpt2, "\"n_head\":5", "n_head: 5 heads do not divide the width, 768" + Self.wrong)
        try refuse(llama, "\"eos_token_id\":\"2\"", "eos_token_id: \"2\" is not a whole number" + Self.wrong)
        try refuse(
            llama, "\"eos_token_id\":[2,-2]", "eos_token_id: -2, one of several, is not a whole number from -1 to 2147483647" + Self.wrong)
        // What a model of this program may have, by the key that asks for more.
        let most = " is not a whole number from 1 to "
        try refuse(llama, "\"max_position_embeddings\":2097152", "max_position_embeddings: 2097152\(most)1048576" + Self.wrong)
        try refuse(SmallConfiguration.gpt2, "\"n_positions\":1048577", "n_positions: 1048577\(most)1048576" + Self.wrong)
        try refuse(SmallConfiguration.gpt2, "\"n_embd\":65537", "n_embd: 65537\(most)65536" + Self.wrong)
    }

    @Test func rotationsThatAreRefused() throws {
        func refuse(_ members: String, _ problem: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
            try self.refuse(SmallConfiguration.llama, members, problem, sourceLocation: sourceLocation)
        }
        for type in ["dynamic", "yarn", "longrope", "su", "mrope"] {
            let known = "is not supported; choose a model with the rope types default, linear or llama3"
            try refuse("\"rope_scaling\":{\"type\":\"\(type)\",\"factor\":2}", "rope_scaling.type: \"\(type)\" \(known)")
            try refuse("\"rope_scaling\":{\"rope_type\":\"\(type)\"}", "rope_scaling.rope_type: \"\(type)\" \(known)")
        }
        try refuse(
            "\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"llama3\"}",
            "rope_scaling.rope_type: \"llama3\", but \"linear\" as rope_scaling.type" + Self.wrong)
        try refuse("\"rope_scaling\":{\"type\":\"linear\"}", "rope_scaling.factor: missing" + Self.wrong)
        try refuse(
            "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4}",
            "rope_scaling.high_freq_factor: 4.0 is not above low_freq_factor, 4.0" + Self.wrong)
        try refuse(
            "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},\"rope_parameters\":{\"rope_type\":\"default\"}",
            "rope_parameters: rope_scaling is there too, and one of them counts" + Self.wrong)
        try refuse(
            "\"rope_theta\":1000,\"rope_parameters\":{\"rope_theta\":2000}",
            "rope_parameters.rope_theta: 2000.0 here and 1000.0 outside" + Self.wrong)
        try refuse(
            "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}",
            "rope_parameters: an object is not supported; choose a model with the same rotation in every layer")
        let part = "partial_rotary_factor: 0.5 is not supported; choose a model with heads that are turned as a whole"
        try refuse("\"partial_rotary_factor\":0.5", part)
        try refuse("\"rope_parameters\":{\"partial_rotary_factor\":0.5}", "rope_parameters." + part)
    }

    @Test func architecturesThatAreRefused() throws {
        func refuse(
            _ text: String, _ key: String, _ value: String, _ known: String, shown: String? = nil,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            try self.refuse(
                text, "\"\(key)\":\(value)", "\(key): \(shown ?? value) is not supported; choose a model with \(known)",
                sourceLocation: sourceLocation)
        }
        let (gpt2, llama) = (SmallConfiguration.gpt2, SmallConfiguration.llama)
        for type in ["mixtral", "qwen3", "gpt_neox", "GPT2", "a\\nb"] {
            try refuse(
                llama, "model_type", "\"\(type)\"", "one of the types gpt2, llama, mistral, qwen2",
                shown: "\"\(type.replacing("\\n", with: "\\u{a}"))\"")
        }
        for key in ["num_local_experts", "num_experts", "n_routed_experts"] {
            try refuse(llama, key, "8", "one feed-forward part a layer, not a mixture of experts")
            for off in ["null", "0"] {
                #expect(throws: Never.self) { try model(changing(llama, "\"\(key)\":\(off)")) }
            }
        }
        for key in ["qk_norm", "use_qk_norm", "qk_layernorm"] {
            try refuse(llama, key, "true", "queries and keys that are not normalised")
            #expect(throws: Never.self) { try model(changing(llama, "\"\(key)\":false")) }
        }
        try refuse(
            llama, "quantization_config", "{\"bits\":4}", "weights that are not quantised", shown: "an object")
        try refuse(
            SmallConfiguration.qwen2, "layer_types", "[\"full_attention\",\"sliding_attention\"]",
            "full attention in every layer", shown: "\"sliding_attention\"")
        for activation in ["gelu", "relu", "gelu_new"] {
            try refuse(llama, "hidden_act", "\"\(activation)\"", "silu")
        }
        for activation in ["gelu", "relu", "silu"] {
            try refuse(gpt2, "activation_function", "\"\(activation)\"", "gelu_new or gelu_pytorch_tanh")
        }
        try refuse(gpt2, "scale_attn_weights", "false", "true")
        try refuse(gpt2, "scale_attn_by_inverse_layer_idx", "true", "false")
        try refuse(gpt2, "add_cross_attention", "true", "false")
        try refuse(SmallConfiguration.mistral, "sliding_window", "4096", "attention to all earlier positions")
        try refuse(SmallConfiguration.mistral, "attention_bias", "true", "false, as every model of type mistral has")
        try refuse(SmallConfiguration.qwen2, "attention_bias", "false", "true, as every model of type qwen2 has")
        try refuse(SmallConfiguration.qwen2, "mlp_bias", "true", "false, as every model of type qwen2 has")
        try self.refuse(
            SmallConfiguration.qwen2, "\"use_sliding_window\":true",
            "sliding_window: 4096 is not supported; choose a model with attention to all earlier positions")
    }

    @Test func filesThatAreNoConfigurations() throws {
        let path = scratch.path + "/config.json"
        #expect(
            refusal(of: path) { _ = try DescribedModel(directory: scratch.path) }
                == "cannot read: No such file or directory; check the path")
        for (text, problem) in [
            ("", "not JSON: no value; it ends too early"), ("[]", "not a JSON object"),
            ("{\"a\":1,\"\\u0061\":2}", "the key \"a\" comes twice"),
            ("{\"a\":{\"b\":1,\"b\":2}}", "the key \"b\" comes twice"),
            ("{\"a\":NaN}", "not JSON: no value at byte 5"), ("{} {}", "not JSON: text behind its end at byte 3"),
        ] {
            let line = refusal(of: path) { _ = try model(text) }
            #expect(line == problem + "; fetch or convert the file again")
        }
        let long = String(repeating: " ", count: 4 << 20)
        #expect(
            refusal(of: path) { _ = try model("{}" + long) }
                == "4194306 bytes, such a file has 4194304 at most; fetch or convert the file again")
    }
}
