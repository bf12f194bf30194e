import JSON
import Model

extension RotaryPositions {
    private static let defaultBase = 10_000.0
    private static let known = "the rope types default, linear or llama3"

    /// From `rope_theta` and `rope_scaling`, as transformers 4 writes them, or from `rope_parameters`, which has both in
    /// transformers 5.
    ///
    /// - Parameters:
    ///   - object: All of `config.json`.
    ///   - context: Most positions of a sequence.
    /// - Throws: `configuration` and `unsupported`.
    init(_ object: ConfigurationObject, context: Int) throws(ExchangeError) {
        let outer = try object.optionalNumber("rope_theta", in: Limit.base)
        let (old, new) = (try object.object("rope_scaling"), try object.object("rope_parameters"))
        if old != nil && new != nil {
            throw object.invalid("rope_parameters", "rope_scaling is there too, and one of them counts")
        }
        for part in [object, new].compactMap({ $0 }) {
            guard try part.number("partial_rotary_factor", in: 0...1, default: 1) == 1 else {
                throw part.unsupported("partial_rotary_factor", "heads that are turned as a whole")
            }
        }
        let inner = try new?.optionalNumber("rope_theta", in: Limit.base)
        if let new, let inner, let outer, inner != outer {
            throw new.invalid("rope_theta", "\(inner) here and \(outer) outside")
        }
        let base = inner ?? outer ?? Self.defaultBase
        guard let part = new ?? old else {
            self.init(base: base)
            return
        }
        // With a table for each type of layer, the rope type is one level further in.
        for case .object in part.members.values {
            throw object.unsupported(new == nil ? "rope_scaling" : "rope_parameters", "the same rotation in every layer")
        }
        self.init(base: base, scaling: try Self.scaling(part, context))
    }

    private static func scaling(_ part: ConfigurationObject, _ context: Int) throws(ExchangeError) -> Scaling {
        switch try part.text("rope_type", or: "type", default: "default") {
        case "default":
            return .none
        case "linear":
            return .linear(factor: try part.number("factor", in: Limit.factor))
        case "llama3":
            let low = try part.number("low_freq_factor", in: Limit.factor)
            let high = try part.number("high_freq_factor", in: Limit.factor)
            guard low < high else {
                throw part.invalid("high_freq_factor", "\(high) is not above low_freq_factor, \(low)")
            }
            return .llama3(
                factor: try part.number("factor", in: Limit.factor), lowFrequencyFactor: low,
                highFrequencyFactor: high,
                originalContext: try part.integer(
                    "original_max_position_embeddings", in: Limit.positions, default: context))
        default:
            throw part.unsupported("rope_type", or: "type", known)
        }
    }
}
