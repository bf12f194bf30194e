import LowRank
import Model

/// What decides a training step, besides the model and the data.
public struct TrainingOptions: Codable, Equatable, Sendable {
    /// Sequences a step, over all replicas.
    public var batch: Int
    /// Sequences that go through a stage at once.
    public var microBatch: Int
    /// Learning rate by step.
    public var learningRate: LearningRate
    /// Its constants.
    public var optimizer: AdamW
    /// Largest global norm of the gradient; 0 leaves it as it is.
    public var clip: Float
    /// Decides weights, sample order and dropout.
    public var seed: UInt64
    /// Whether the language model's weights stay as they are, and the policy alone learns.
    public var freezesModel: Bool { frozen ?? false }
    /// Absent in checkpoints of before there was a choice.
    private var frozen: Bool?
    /// Whether bases follow what training sees.
    public var bases: BasisUpkeep { basisUpkeep ?? .tracked }
    /// Absent where they do, as in checkpoints of before there was a choice.
    private var basisUpkeep: BasisUpkeep?

    /// Options of training, all but the model's shape.
    public init(
        batch: Int, microBatch: Int, learningRate: LearningRate, optimizer: AdamW, clip: Float, seed: UInt64,
        freezesModel: Bool = false, bases: BasisUpkeep = .tracked
    ) {
        self.batch = batch
        self.microBatch = microBatch
        self.learningRate = learningRate
        self.optimizer = optimizer
        self.clip = clip
        self.seed = seed
        frozen = freezesModel
        basisUpkeep = bases == .tracked ? nil : bases
    }
}

/// A number that is not finite where training needs one that is: a loss, a gradient, or what an update left.
public struct NonFiniteError: Error, CustomStringConvertible {
    /// The step that found it.
    public let step: Int
    /// What it is, and on which rank where one alone has it.
    public let what: String
    /// Whether the step's update had been made.
    public let isUpdated: Bool

    /// The failure of `step`: `what` is not finite.
    public init(step: Int, what: String, isUpdated: Bool = true) {
        self.step = step
        self.what = what
        self.isUpdated = isUpdated
    }

    public var description: String {
        "step \(step): \(what) is not finite" + (isUpdated ? "" : "; nothing was updated")
    }
}
