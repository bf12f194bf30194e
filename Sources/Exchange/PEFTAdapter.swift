import JSON
import Kernels
import Model
import Options

/// A LoRA adapter in a directory that Hugging Face's `peft` saved: `adapter_config.json` and `adapter_model.safetensors`.
///
/// Which maps it adapts, and at what rank, the tensors say; α, scaling and dropout are the configuration's.
public struct PEFTAdapter: Sendable {
    /// The directory that it was read from.
    public let directory: String
    /// What it is, at the maps of the model that it was read for.
    public let placed: PlacedAdapter
    private let weights: SafetensorsFile
    /// The file's name of each parameter.
    private let names: [String: String]

    /// The names of the two files.
    public static let configurationName = "adapter_config.json", weightsName = "adapter_model.safetensors"
    /// What precedes a module's name in the file.
    static let prefix = "base_model.model."
    /// Bytes of a configuration that are believed.
    private static let largest = 4 << 20

    /// - Parameters:
    ///   - directory: Its path as the system takes it.
    ///   - model: that the adapter is for.
    /// - Throws: `ExchangeError` and `ConfigurationError` for an adapter that is not LoRA, changes more than linear maps of
    ///   layers, or is for another model.
    public init(directory: String, for model: ModelConfiguration) throws {
        let path = directory + "/" + Self.configurationName
        let object = try ConfigurationObject(file: path, limit: Self.largest)
        try object.requirePlainLoRA()
        weights = try SafetensorsFile(path: directory + "/" + Self.weightsName)
        let pairs = try Self.pairs(in: weights, for: model)
        let rank = try object.integer("r", in: 1...AdapterConfiguration.mostRank)
        let alpha = try object.number("lora_alpha", in: 0...1e9)
        let ranks = try object.pattern("rank_pattern"), alphas = try object.pattern("alpha_pattern")
        var own: [String: AdapterConfiguration.Exception] = [:]
        for (module, pair) in pairs {
            let expected = try ranks.value(for: module).map { Int($0) } ?? rank
            guard pair.rank == expected else {
                throw ConfigurationError(
                    "\(directory): the tensors of \(module) have rank \(pair.rank), and \(Self.configurationName) says \(expected); "
                        + "use files that were saved together")
            }
            own[module] = .init(rank: pair.rank, alpha: try alphas.value(for: module) ?? alpha)
        }
        let linear = try AdapterConfiguration(rank: 1, targets: [AdapterConfiguration.allTargets]).maps(of: model)
        // Targets name the maps of all layers; what differs, or is not adapted, is an exception.
        let targets = Set(linear.filter { own[$0.module] != nil }.map(\.target))
        var exceptions: [String: AdapterConfiguration.Exception] = [:]
        for map in linear where targets.contains(map.target) {
            let found = own[map.module] ?? .init(rank: 0, alpha: alpha)
            if found.rank != rank || found.alpha != alpha { exceptions[map.module] = found }
        }
        var names: [String: String] = [:]
        do {
            let dropout = Float(try object.number("lora_dropout", in: 0...1, default: 0))
            let scalesByRoot = try object.flag("use_rslora", default: false)
            placed = try PlacedAdapter(
                AdapterConfiguration(
                    rank: rank, alpha: alpha, dropout: dropout, scalesByRoot: scalesByRoot,
                    targets: targets.sorted(), exceptions: exceptions),
                at: model)
        } catch let error as ConfigurationError {
            throw ConfigurationError("\(path): \(error); use an adapter that was made for this model")
        }
        for map in placed.maps {
            guard let pair = pairs[map.module] else { continue }
            for (spec, name) in [(map.down, pair.down), (map.up, pair.up)] {
                guard let stored = weights.tensor(name), stored.shape == spec.shape else {
                    throw ConfigurationError(
                        "\(weights.path): \(name) has the shape \(weights.tensor(name)?.shape ?? []) where this model needs "
                            + "\(spec.shape); use an adapter that was made for this model")
                }
                names[spec.name] = name
            }
        }
        self.names = names
        self.directory = directory
    }

    /// A parameter's values as float32.
    ///
    /// - Parameter spec: one of the adapter's.
    /// - Throws: `ExchangeError`, and `ConfigurationError` for elements that are not finite.
    public func read(_ spec: ParameterSpec) throws -> Buffer<Float> {
        let values = Buffer<Float>(uninitialized: spec.count), name = names[spec.name] ?? spec.name
        try weights.read(name, shape: spec.shape, into: values)
        guard areFinite(values) else {
            throw ConfigurationError("\(weights.path): \(name) has elements that are not finite; use another adapter")
        }
        return values
    }

    /// Names of A and B in the file, and their rank.
    private struct Pair {
        var down = "", up = ""
        var rank = 0
    }

    /// By module.
    private static func pairs(in file: SafetensorsFile, for model: ModelConfiguration) throws -> [String: Pair] {
        let modules = Set(model.parameters.map { String($0.name.dropLast($0.name.hasSuffix(".weight") ? 7 : 0)) })
        var pairs: [String: Pair] = [:]
        for tensor in file.tensors {
            func refusal(_ reason: String) -> ConfigurationError {
                ConfigurationError("\(file.path): \(quoted(tensor.name)) \(reason); choose an adapter of linear maps in layers")
            }
            // A raw state dict has the adapter's name in it.
            let plain = tensor.name.hasSuffix(".default.weight") ? tensor.name.dropLast(15) : tensor.name.dropLast(7)
            guard tensor.name.hasPrefix(prefix), tensor.name.hasSuffix(".weight"), tensor.shape.count == 2,
                plain.hasSuffix(".lora_A") || plain.hasSuffix(".lora_B")
            else { throw refusal("is no A or B of a linear map") }
            let short = String(plain.dropFirst(prefix.count).dropLast(7)), whole = model.storedNames.prefix + short
            guard let module = [short, whole].first(where: modules.contains) else {
                throw refusal("is of a map that this \(model.familyName) model has not")
            }
            var pair = pairs[module] ?? Pair()
            if plain.hasSuffix(".lora_A") {
                (pair.down, pair.rank) = (tensor.name, tensor.shape[0])
            } else {
                pair.up = tensor.name
            }
            pairs[module] = pair
        }
        for (module, pair) in pairs.sorted(by: { $0.key < $1.key }) where pair.down.isEmpty || pair.up.isEmpty {
            throw ExchangeError.missingTensor(
                path: file.path, name: prefix + module + (pair.down.isEmpty ? ".lora_A.weight" : ".lora_B.weight"))
        }
        guard !pairs.isEmpty else { throw ConfigurationError("\(file.path): holds no tensor; choose an adapter that has some") }
        return pairs
    }
}

/// Values by pattern, as `rank_pattern` has them.
private struct ModulePattern {
    let path: String, key: String
    let values: [String: Double]

    /// That of the pattern which matches a module's name, or its end after a dot; nil where none does.
    func value(for module: String) throws -> Double? {
        var found: Double?
        for (pattern, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let expression = try? Regex("(?:.*\\.)?(?:\(pattern))") else {
                throw ConfigurationError("\(path): \(key): \(quoted(pattern)) is no pattern; save the adapter again")
            }
            guard try expression.wholeMatch(in: module) != nil else { continue }
            guard found == nil || found == value else {
                throw ConfigurationError("\(path): \(key): several patterns match \(module); give each map one")
            }
            found = value
        }
        return found
    }
}

extension ConfigurationObject {
    /// - Throws: `configuration`.
    fileprivate func pattern(_ key: String) throws -> ModulePattern {
        guard let object = try object(key) else { return ModulePattern(path: path, key: key, values: [:]) }
        var values: [String: Double] = [:]
        for name in object.members.keys { values[name] = try object.number(name, in: 0...1e9) }
        return ModulePattern(path: path, key: key, values: values)
    }

    /// Refuses what is not LoRA at linear maps, or changes the weights beside it.
    fileprivate func requirePlainLoRA() throws {
        func refuse(_ key: String, _ known: String) -> ConfigurationError {
            ConfigurationError("\(path): \(key) is \(members[key] ?? .null); only \(known) can be imported")
        }
        guard members["peft_type"] == .string("LORA") else { throw refuse("peft_type", "\"LORA\"") }
        for key in ["use_dora", "lora_bias", "use_qalora", "layer_replication", "trainable_token_indices", "target_parameters",
                    "alora_invocation_tokens", "use_bdlora", "kasa_config", "monteclora_config", "arrow_config"] where !isOff(key) && members[key] != .array([]) {
            throw refuse(key, "plain LoRA at linear maps")
        }
        if !isOff("modules_to_save"), members["modules_to_save"] != .array([]) {
            throw refuse("modules_to_save", "an adapter that saves no whole modules")
        }
        if !isOff("bias"), members["bias"] != .string("none") { throw refuse("bias", "\"none\"") }
        if case .string(let start)? = members["init_lora_weights"],
            ["pissa", "olora", "corda", "loftq", "lora_ga"].contains(where: { start.lowercased().hasPrefix($0) })
        {
            throw refuse("init_lora_weights", "an adapter that leaves the weights as they were")
        }
    }
}

extension PlacedAdapter {
    /// The adapter's tensors by `peft`'s names, with the parameter that each is.
    public var peftTensors: [(name: String, spec: ParameterSpec)] {
        parameters.map { (PEFTAdapter.prefix + $0.name, $0) }
    }

    /// `adapter_config.json` of the adapter at a model's maps.
    ///
    /// - Throws: what the encoder throws.
    public func peftConfiguration(for model: ModelConfiguration) throws -> [UInt8] {
        try prettyJSON(PEFTFields(self, model))
    }
}

/// `adapter_config.json`, by `peft`'s names.
private struct PEFTFields: Encodable {
    let peft_type = "LORA", task_type = "CAUSAL_LM", bias = "none", inference_mode = true, use_dora = false
    let init_lora_weights = true
    let r: Int, lora_alpha: Double, lora_dropout: Double, use_rslora: Bool, fan_in_fan_out: Bool
    let target_modules: [String], rank_pattern: [String: Int], alpha_pattern: [String: Double]
    /// The base model's name and whole modules are not known here.
    private enum CodingKeys: String, CodingKey {
        case peft_type, task_type, bias, inference_mode, use_dora, init_lora_weights, r, lora_alpha, lora_dropout, use_rslora
        case fan_in_fan_out, target_modules, rank_pattern, alpha_pattern, base_model_name_or_path, modules_to_save
    }

    init(_ adapter: PlacedAdapter, _ model: ModelConfiguration) throws {
        let own = adapter.configuration
        (r, lora_alpha, use_rslora) = (own.rank, own.alpha, own.scalesByRoot)
        // The shortest decimal of the float.
        lora_dropout = Double("\(own.dropout)") ?? Double(own.dropout)
        fan_in_fan_out = model.layer.storage == .inputsByOutputs
        let all = try AdapterConfiguration(rank: 1, targets: [AdapterConfiguration.allTargets]).maps(of: model)
        let adapted = Set(adapter.maps.map(\.module))
        // A short name where all maps of that name are adapted, else each by its whole name.
        let partial = Set(all.filter { !adapted.contains($0.module) }.map(\.target))
        target_modules = Set(adapter.maps.map { partial.contains($0.target) ? $0.module : $0.target }).sorted()
        let others = adapter.maps.filter { $0.rank != own.rank || $0.alpha != own.alpha }
        rank_pattern = Dictionary(uniqueKeysWithValues: others.map { ($0.module, $0.rank) })
        alpha_pattern = Dictionary(uniqueKeysWithValues: others.map { ($0.module, $0.alpha) })
    }

    func encode(to encoder: any Swift.Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(peft_type, forKey: .peft_type)
        try values.encode(task_type, forKey: .task_type)
        try values.encode(bias, forKey: .bias)
        try values.encode(inference_mode, forKey: .inference_mode)
        try values.encode(use_dora, forKey: .use_dora)
        try values.encode(init_lora_weights, forKey: .init_lora_weights)
        try values.encode(r, forKey: .r)
        try values.encode(lora_alpha, forKey: .lora_alpha)
        try values.encode(lora_dropout, forKey: .lora_dropout)
        try values.encode(use_rslora, forKey: .use_rslora)
        try values.encode(fan_in_fan_out, forKey: .fan_in_fan_out)
        try values.encode(target_modules, forKey: .target_modules)
        try values.encode(rank_pattern, forKey: .rank_pattern)
        try values.encode(alpha_pattern, forKey: .alpha_pattern)
        try values.encodeNil(forKey: .base_model_name_or_path)
        try values.encodeNil(forKey: .modules_to_save)
    }
}
