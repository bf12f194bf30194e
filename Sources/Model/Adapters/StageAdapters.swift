import Kernels
import Options

/// An adapter with the maps of a model that it stands at.
public struct PlacedAdapter: Equatable, Sendable {
    /// What it is.
    public let configuration: AdapterConfiguration
    /// In the order of the model's parameters.
    public let maps: [AdaptedMap]

    /// - Throws: `ConfigurationError` where it cannot stand at the model's maps.
    public init(_ configuration: AdapterConfiguration, at model: ModelConfiguration) throws(ConfigurationError) {
        self.configuration = configuration
        maps = try configuration.maps(of: model)
    }

    /// A and B of every map.
    public var parameters: [ParameterSpec] { maps.flatMap { [$0.down, $0.up] } }
    /// Number of elements of all of them.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }
    /// Those that a stage holds.
    public func parameters(on placement: StagePlacement) -> [ParameterSpec] { parameters.filter { $0.isHeld(by: placement) } }
}

/// The adapters of one stage's layers: their parameters, in an arena of their own, and the maps that they stand at.
public struct StageAdapters: Sendable {
    /// The adapter of the whole model.
    public let placed: PlacedAdapter
    /// Parameters, gradients and moments: A and B of every map that the stage holds.
    public let arena: ParameterArena
    /// The stage's.
    private let maps: [AdaptedMap]

    /// Zero until initialised or loaded.
    ///
    /// - Parameter learns: whether there are gradients and moments.
    init(_ placed: PlacedAdapter, placement: StagePlacement, learns: Bool) {
        self.placed = placed
        maps = placed.maps.filter { $0.weight.isHeld(by: placement) }
        arena = ParameterArena(ParameterLayout(placed.parameters(on: placement)), forTraining: learns)
    }

    /// What adds to the map that the weights of `role` make in a layer, side by side in the order of `layout`.
    func adapters(_ role: ParameterRole, layer: Int, in layout: ParameterLayout, _ storage: WeightStorage) -> [any LinearAdapter] {
        var adapters: [any LinearAdapter] = [], first = 0
        for parameter in layout.parameters where parameter.role == role && parameter.layer == layer {
            let outputs = parameter.shape[storage == .inputsByOutputs ? 1 : 0]
            defer { first += outputs }
            guard let map = maps.first(where: { $0.weight.name == parameter.name }) else { continue }
            let own = arena.layout, isLearning = arena.gradients.count > 0
            func matrix(_ spec: ParameterSpec) -> (Matrix, Matrix) {
                let values = own.matrix(spec.name, in: arena.values)
                return (values, isLearning ? own.matrix(spec.name, in: arena.gradients) : values)
            }
            let (down, downGradient) = matrix(map.down), (up, upGradient) = matrix(map.up)
            adapters.append(LoRA(
                down: down, downGradient: downGradient, up: up, upGradient: upGradient, scale: map.scale,
                outputs: first..<(first + outputs), number: map.number))
        }
        return adapters
    }
}
