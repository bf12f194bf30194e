import Options

// n inputs, m outputs of a linear map; r the rank of what is added to it.

/// One linear map of a model that has an adapter, as its family names it.
public struct AdaptedMap: Equatable, Sendable {
    /// W as the family stores it.
    public let weight: ParameterSpec
    /// The map's number among all linear maps of its layer, adapted or not.
    let number: Int
    /// How W is stored.
    public let storage: WeightStorage
    /// r.
    public let rank: Int
    /// α.
    public let alpha: Double
    /// s.
    public let scale: Float

    /// Hugging Face's name of the map: that of its weight without `.weight`.
    public var module: String { weight.module }
    /// What names the map in every layer: the last part of its name, or the last two where a layer has two such maps.
    public var target: String { weight.target(storage) }
    /// n.
    public var inputs: Int { weight.shape[storage == .inputsByOutputs ? 0 : 1] }
    /// m.
    public var outputs: Int { weight.shape[storage == .inputsByOutputs ? 1 : 0] }

    /// A, [r, n]: U(−1/√n, 1/√n) at the start.
    public var down: ParameterSpec {
        ParameterSpec(
            module + ".lora_A.weight", [rank, inputs], in: weight.place,
            starts: .uniform(bound: 1 / Float(inputs).squareRoot()))
    }

    /// B, [m, r]: zero at the start, so that the model is what it was.
    public var up: ParameterSpec {
        ParameterSpec(module + ".lora_B.weight", [outputs, rank], in: weight.place, starts: .constant(0))
    }
}

extension ParameterSpec {
    /// The name without its `.weight`.
    fileprivate var module: String { name.hasSuffix(".weight") ? String(name.dropLast(7)) : name }

    /// GPT-2, which stores [in, out], has two maps of one name in a layer.
    fileprivate func target(_ storage: WeightStorage) -> String {
        module.split(separator: ".").suffix(storage == .inputsByOutputs ? 2 : 1).joined(separator: ".")
    }

    fileprivate var isLinearMap: Bool {
        switch role {
        case .attention, .attentionProjection, .feedForward, .feedForwardProjection: true
        default: false
        }
    }
}

extension AdapterConfiguration {
    /// The linear maps of a model that it adapts, in the order of the model's parameters.
    ///
    /// - Throws: `ConfigurationError` for a target that matches none, and for a rank that a map is too small for.
    public func maps(of model: ModelConfiguration) throws(ConfigurationError) -> [AdaptedMap] {
        let linear = model.parameters.filter(\.isLinearMap), targets = targets.isEmpty ? model.usualTargets : targets
        func matches(_ spec: ParameterSpec, _ target: String) -> Bool {
            target == Self.allTargets || spec.module == target || spec.module.hasSuffix("." + target)
        }
        for target in targets where !linear.contains(where: { matches($0, target) }) {
            if model.parameters.contains(where: { !$0.isLinearMap && $0.shape.count == 2 && matches($0, target) })
                || target == "lm_head"
            {
                throw ConfigurationError(
                    "target \(target) is an embedding or the head, which are not adapted; choose from \(model.targetNames)")
            }
            throw ConfigurationError("target \(target) matches no linear map of this \(model.familyName) model; choose from "
                + model.targetNames)
        }
        if let name = exceptions.keys.sorted().first(where: { name in !linear.contains { $0.module == name } }) {
            throw ConfigurationError("\(name) is no linear map of this \(model.familyName) model")
        }
        var numbers: [Int: Int] = [:], maps: [AdaptedMap] = []
        for spec in linear {
            let layer = spec.layer ?? 0, number = numbers[layer, default: 0]
            numbers[layer] = number + 1
            let own = exceptions[spec.module] ?? Exception(rank: rank, alpha: alpha)
            guard own.rank > 0, targets.contains(where: { matches(spec, $0) }) else { continue }
            let map = AdaptedMap(
                weight: spec, number: number, storage: model.layer.storage, rank: own.rank, alpha: own.alpha,
                scale: scale(rank: own.rank, alpha: own.alpha))
            guard own.rank <= min(map.inputs, map.outputs) else {
                throw ConfigurationError(
                    "r is \(own.rank), and \(map.module) has \(map.inputs) inputs and \(map.outputs) outputs; "
                        + "use at most \(min(map.inputs, map.outputs))")
            }
            maps.append(map)
        }
        return maps
    }
}

extension ModelConfiguration {
    /// Names of a layer's linear maps, as targets.
    fileprivate var targetNames: String {
        let names = parameters.filter { $0.layer == 0 && $0.isLinearMap }.map { $0.target(layer.storage) }
        return names.joined(separator: ", ") + " and \(AdapterConfiguration.allTargets)"
    }

    /// What is adapted where nothing is said, as in peft.
    fileprivate var usualTargets: [String] { family == .gpt2 ? ["c_attn"] : ["q_proj", "v_proj"] }
}
