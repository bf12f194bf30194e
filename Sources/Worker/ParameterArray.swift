import Checkpoint
import Kernels
import Model

/// One array over a model's or an adapter's parameters, their values or a moment, as a checkpoint keeps it: float32, an entry
/// a parameter.
public struct ParameterArray: Sendable {
    /// What an error calls one of its arrays.
    public let noun: String
    /// Of all stages.
    private let parameters: [ParameterSpec]
    /// Where this rank has its part, and that part; nil where it has none.
    private let own: (layout: ParameterLayout, values: Buffer<Float>)?
    private let path: @Sendable (_ name: String) -> String

    private init(
        _ parameters: [ParameterSpec], _ noun: String, _ path: @escaping @Sendable (String) -> String,
        own: (ParameterLayout, Buffer<Float>)? = nil
    ) {
        self.noun = noun
        self.path = path
        self.own = own
        self.parameters = parameters
    }

    /// The weights of a model that is not in memory.
    public static func weights(of model: ModelConfiguration) -> ParameterArray {
        ParameterArray(model.parameters, "a weight", CheckpointLayout.parameter)
    }

    /// A stage's weights.
    public static func weights(of stage: TransformerStage) -> ParameterArray {
        ParameterArray(
            stage.configuration.parameters, "a weight", CheckpointLayout.parameter,
            own: (stage.parameters.layout, stage.parameters.values))
    }

    /// An adapter's parameters, which are not in memory.
    public static func parameters(of adapter: PlacedAdapter) -> ParameterArray {
        ParameterArray(adapter.parameters, adapterNoun, CheckpointLayout.adapterParameter)
    }

    /// A stage's parameters of adapters, or none.
    static func adapters(of stage: TransformerStage) -> [ParameterArray] {
        stage.adapters.map { own in
            [ParameterArray(
                own.placed.parameters, adapterNoun, CheckpointLayout.adapterParameter,
                own: (own.arena.layout, own.arena.values))]
        } ?? []
    }

    private static let adapterNoun = "a parameter of the adapter"

    /// Adam's means of the gradients of what a stage learns, and of their squares.
    public static func moments(of stage: TransformerStage) -> [ParameterArray] {
        let arena = stage.learnt, adapter = stage.adapters?.placed
        let paths: [@Sendable (String) -> String] = adapter == nil
            ? [CheckpointLayout.firstMoment, CheckpointLayout.secondMoment]
            : [CheckpointLayout.adapterFirstMoment, CheckpointLayout.adapterSecondMoment]
        return zip(paths, [arena.firstMoment, arena.secondMoment]).map {
            ParameterArray(adapter?.parameters ?? stage.configuration.parameters, "a moment", $0, own: (arena.layout, $1))
        }
    }

    /// The entry of one parameter.
    public func entry(_ parameter: ParameterSpec) -> PersistentEntry {
        let held = own.flatMap { own in own.layout[parameter.name].map { [own.values[$0.range]] } }
        return PersistentEntry(path(parameter.name), parameter.shape, held)
    }
}

extension ParameterArray: Persistent {
    public var entries: [PersistentEntry] { parameters.map(entry) }
}
