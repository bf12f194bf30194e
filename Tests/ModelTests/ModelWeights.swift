import Kernels
import Model

/// Weights by Hugging Face name, into and out of arenas.
enum ModelWeights {
    /// Larger than GPT-2's initial weights, so that attention and logits are far from flat.
    static func random(_ configuration: ModelConfiguration, seed: UInt64) -> [String: [Float]] {
        var weights: [String: [Float]] = [:]
        let layout = ParameterLayout(configuration, .whole(configuration))
        for (i, parameter) in layout.parameters.enumerated() {
            let isGain = parameter.shape.count == 1 && parameter.name.hasSuffix(".weight")
            let scale: Float = parameter.shape.count == 1
                ? 0.3 : 1.7 / Float(parameter.shape[parameter.name.contains("wte") ? 1 : 0]).squareRoot()
            weights[parameter.name] = SampleValues.uniform(
                parameter.range.count, seed: seed + 1000 * UInt64(i), scale: scale, centre: isGain ? 1 : 0)
        }
        return weights
    }

    static func load(_ weights: [String: [Float]], into arena: ParameterArena) {
        for parameter in arena.layout.parameters {
            guard let values = weights[parameter.name] else { preconditionFailure("no \(parameter.name)") }
            arena.values[parameter.range].copy(from: Buffer(values))
        }
    }

    static func gradients(of arena: ParameterArena) -> [String: [Float]] {
        var gradients: [String: [Float]] = [:]
        for parameter in arena.layout.parameters { gradients[parameter.name] = arena.gradients[parameter.range].array }
        return gradients
    }
}
