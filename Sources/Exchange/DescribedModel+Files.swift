import JSON
import Model

extension DescribedModel {
    /// The name of the file that describes a model.
    public static let fileName = "config.json"
    /// Bytes of a description that are believed.
    private static let largest = 4 << 20

    /// Reads `config.json` of a directory as transformers 4 or 5 saved it.
    ///
    /// - Parameter directory: Its path as the system takes it.
    /// - Throws: `file`; `malformed` where it is not JSON; `configuration`, naming the key that is missing, of the wrong
    ///   type or out of range; `unsupported`, naming the key that asks for another architecture.
    public init(directory: String) throws(ExchangeError) {
        try self.init(configuration: "\(directory)/\(Self.fileName)")
    }

    /// Reads a description by its file's path; see `init(directory:)`.
    ///
    /// - Parameter path: A file as `config.json` is.
    /// - Throws: `file`, `malformed`, `configuration` and `unsupported`.
    public init(configuration path: String) throws(ExchangeError) {
        let object = try ConfigurationObject(file: path, limit: Self.largest)
        let known = ["gpt2"] + LlamaDescription.Family.allCases.map(\.rawValue)
        let name = try object.text("model_type")
        try object.refuseOtherParts()
        if name == "gpt2" {
            self = .gpt2(try GPT2Description(object))
        } else if let family = LlamaDescription.Family(rawValue: name) {
            self = .llama(try LlamaDescription(object, family))
        } else {
            throw object.unsupported("model_type", "one of the types \(known.joined(separator: ", "))")
        }
    }
}

extension ConfigurationObject {
    /// Refuses keys that change a model's architecture in ways that no family here knows.
    fileprivate func refuseOtherParts() throws(ExchangeError) {
        for key in ["num_local_experts", "num_experts", "n_routed_experts", "moe_intermediate_size"]
        where !isOff(key) {
            throw unsupported(key, "one feed-forward part a layer, not a mixture of experts")
        }
        for key in ["qk_norm", "use_qk_norm", "qk_layernorm"] where !isOff(key) {
            throw unsupported(key, "queries and keys that are not normalised")
        }
        guard isOff("quantization_config") else {
            throw unsupported("quantization_config", "weights that are not quantised")
        }
        if case .array(let types)? = members["layer_types"] {
            for type in types {
                if case .string("full_attention") = type { continue }
                throw unsupported("layer_types", "full attention in every layer", value: type)
            }
        }
    }
}

extension TextEnds {
    /// - Throws: `configuration`.
    fileprivate init(_ object: ConfigurationObject) throws(ExchangeError) {
        self.init(
            start: try object.integers("bos_token_id", in: Limit.token), end: try object.integers("eos_token_id", in: Limit.token))
    }
}

extension GPT2Description {
    /// - Throws: `configuration` and `unsupported`.
    init(_ object: ConfigurationObject) throws(ExchangeError) {
        vocabularySize = try object.integer("vocab_size", in: Limit.vocabulary)
        context = try object.integer("n_positions", or: "max_position_embeddings", in: Limit.context)
        width = try object.integer("n_embd", or: "hidden_size", in: Limit.width)
        layers = try object.integer("n_layer", or: "num_hidden_layers", in: Limit.layers)
        heads = try object.integer("n_head", or: "num_attention_heads", in: Limit.heads)
        guard width % heads == 0 else {
            throw object.invalid("n_head", "\(heads) heads do not divide the width, \(width)")
        }
        innerWidth = try object.integer("n_inner", or: "intermediate_size", in: Limit.innerWidth, default: 4 * width)
        normEpsilon = try object.number("layer_norm_epsilon", in: Limit.epsilon, default: 1e-5)
        tiesEmbeddings = try object.flag("tie_word_embeddings", default: true)
        textEnds = try TextEnds(object)

        let activation = try object.text("activation_function", or: "hidden_act", default: "gelu_new")
        guard ["gelu_new", "gelu_pytorch_tanh"].contains(activation) else {
            throw object.unsupported("activation_function", or: "hidden_act", "gelu_new or gelu_pytorch_tanh")
        }
        guard try object.flag("scale_attn_weights", default: true) else {
            throw object.unsupported("scale_attn_weights", "true")
        }
        for key in ["scale_attn_by_inverse_layer_idx", "add_cross_attention"] where try object.flag(key, default: false) {
            throw object.unsupported(key, "false")
        }
    }
}

extension LlamaDescription {
    /// - Throws: `configuration` and `unsupported`.
    init(_ object: ConfigurationObject, _ family: Family) throws(ExchangeError) {
        vocabularySize = try object.integer("vocab_size", in: Limit.vocabulary)
        context = try object.integer("max_position_embeddings", in: Limit.context)
        width = try object.integer("hidden_size", in: Limit.width)
        layers = try object.integer("num_hidden_layers", in: Limit.layers)
        heads = try object.integer("num_attention_heads", in: Limit.heads)
        keyValueHeads = try object.integer("num_key_value_heads", in: Limit.heads, default: heads)
        guard heads % keyValueHeads == 0 else {
            throw object.invalid("num_key_value_heads", "\(keyValueHeads) does not divide the \(heads) heads of queries")
        }
        if let given = try object.optionalInteger("head_dim", in: Limit.headWidth) {
            headWidth = given
        } else {
            guard width % heads == 0 else {
                throw object.invalid("num_attention_heads", "\(heads) heads do not divide the width, \(width)")
            }
            headWidth = width / heads
        }
        guard headWidth % 2 == 0 else {
            throw object.invalid("head_dim", "heads are \(headWidth) wide; rotary positions turn pairs")
        }
        innerWidth = try object.integer("intermediate_size", in: Limit.innerWidth)
        normEpsilon = try object.number("rms_norm_eps", in: Limit.epsilon)
        rotation = try RotaryPositions(object, context: context)
        tiesEmbeddings = try object.flag("tie_word_embeddings", default: false)
        textEnds = try TextEnds(object)

        let activation = try object.text("hidden_act", default: "silu")
        guard activation == "silu" else { throw object.unsupported("hidden_act", "silu") }

        // The library reads attention_bias for Llama alone; for the others it must not contradict their architecture.
        let hasBias = try object.flag("attention_bias", default: family == .qwen2)
        guard family == .llama || hasBias == (family == .qwen2) else {
            throw object.unsupported("attention_bias", "\(!hasBias), as every model of type \(family.rawValue) has")
        }
        hasQueryKeyValueBias = hasBias
        hasAttentionOutputBias = hasBias && family == .llama
        hasFeedForwardBias = try object.flag("mlp_bias", default: false)
        guard family == .llama || !hasFeedForwardBias else {
            throw object.unsupported("mlp_bias", "false, as every model of type \(family.rawValue) has")
        }
        try Self.refuseSlidingWindow(object, family, context)
    }

    private static func refuseSlidingWindow(
        _ object: ConfigurationObject, _ family: Family, _ context: Int
    ) throws(ExchangeError) {
        let isUsed =
            switch family {
            case .llama: false
            case .mistral: true
            case .qwen2: try object.flag("use_sliding_window", default: false)
            }
        // Mistral's window is this where nothing is said; `null` says that there is none.
        let isUnsaid = family == .mistral && object.members["sliding_window"] == nil
        let said = try object.optionalInteger("sliding_window", in: Limit.positions)
        guard isUsed, let window = isUnsaid ? 4096 : said else { return }
        // A window as long as any sequence hides nothing.
        guard window >= context else {
            throw object.unsupported("sliding_window", "attention to all earlier positions")
        }
    }
}

/// What sizes are believed: those of `ModelConfiguration`, and others small enough that no product of a model's sizes overflows.
enum Limit {
    private static let most = ModelConfiguration.most
    static let vocabulary = 1...most.vocabulary
    static let context = 1...most.context
    static let width = 1...most.width
    static let layers = 1...most.layers
    static let heads = 1...most.heads
    /// Files name tokens that their model has no row for, and −1 for none.
    static let token = -1...Int(Int32.max)
    static let innerWidth = 1...1 << 20
    /// Of a window, or of the context that a model was first trained at.
    static let positions = 1...1 << 30
    static let headWidth = 1...1 << 12
    static let epsilon = 1e-30...1.0
    static let base = 1.0...1e30
    static let factor = 1e-6...1e6
}
