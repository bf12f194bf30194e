import Checkpoint
import Kernels
import Model

/// One array over a model's parameters, weights or a moment, as a checkpoint keeps it: float32, an entry a parameter.
public struct ParameterArray: Sendable {
    /// What an error calls one of its arrays.
    public let noun: String
    /// The whole model's.
    private let parameters: [ParameterSpec]
    /// Where this rank has its part, and that part; nil where it has none.
    private let own: (layout: ParameterLayout, values: Buffer<Float>)?
    private let path: @Sendable (_ name: String) -> String

    private init(
        _ model: ModelConfiguration, _ noun: String, _ path: @escaping @Sendable (String) -> String,
        own: (ParameterLayout, Buffer<Float>)? = nil
    ) {
        self.noun = noun
        self.path = path
        self.own = own
        parameters = model.parameters
    }

    /// The weights of a model that is not in memory.
    public static func weights(of model: ModelConfiguration) -> ParameterArray {
        ParameterArray(model, "a weight", CheckpointLayout.parameter)
    }

    /// A stage's weights.
    public static func weights(of stage: TransformerStage) -> ParameterArray {
        ParameterArray(
            stage.configuration, "a weight", CheckpointLayout.parameter,
            own: (stage.parameters.layout, stage.parameters.values))
    }

    /// Adam's means of a stage's gradients and of their squares.
    public static func moments(of stage: TransformerStage) -> [ParameterArray] {
        let arena = stage.parameters
        return [(CheckpointLayout.firstMoment, arena.firstMoment), (CheckpointLayout.secondMoment, arena.secondMoment)].map {
            ParameterArray(stage.configuration, "a moment", $0, own: (arena.layout, $1))
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
