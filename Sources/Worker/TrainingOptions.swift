import DynamicRank
import Transformer

/// What decides a training step, besides the model and the data.
public struct TrainingOptions: Codable, Equatable, Sendable {
    /// Sequences a step, over all replicas.
    public var batch: Int
    /// Sequences that go through a stage at once.
    public var microBatch: Int
    /// Learning rate by step.
    public var learningRate: LearningRate
    public var optimizer: AdamW
    /// Largest global norm of the gradient; 0 leaves it as it is.
    public var clip: Float
    /// Decides weights, sample order and dropout.
    public var seed: UInt64
    /// Whether the language model's weights stay as they are, and the policy alone learns.
    public var freezesModel: Bool { frozen ?? false }
    /// Absent in checkpoints of before there was a choice.
    private var frozen: Bool?

    public init(
        batch: Int, microBatch: Int, learningRate: LearningRate, optimizer: AdamW, clip: Float, seed: UInt64,
        freezesModel: Bool = false
    ) {
        self.batch = batch
        self.microBatch = microBatch
        self.learningRate = learningRate
        self.optimizer = optimizer
        self.clip = clip
        self.seed = seed
        frozen = freezesModel
    }
}

/// What attention ran at and executed in a step, over all ranks; FLOPs as the kernels count them.
public struct AttentionReport: Sendable {
    /// Projections, scores, values, upkeep of the bases, policy and guard, forward and backward.
    public let flops: Double
    /// Of these, Grams, bases and their folding into weights.
    public let upkeepFLOPs: Double
    /// Of these, the policy, its training and its rewards.
    public let policyFLOPs: Double
    /// Of these, the guard's and the state's spectral norms.
    public let guardFLOPs: Double
    /// What projections, scores and values of full attention would execute in the same tiles.
    public let fullFLOPs: Double
    /// Mean ranks over layers and segments.
    public let scoreRank, valueRank: Double
    /// What became of the bases; nil in steps that did not look at them.
    public let bases: BasisReport?
    /// What the policy learnt; nil where none decides.
    public let lesson: Lesson?
}

/// What a step did; the same on every rank.
public struct StepReport: Sendable {
    /// Number of the step, from 1.
    public let step: Int
    /// Mean negative log-likelihood of the batch's targets, in nats, before the update.
    public let loss: Double
    public let learningRate: Float
    /// Global norm of the gradient, before clipping.
    public let gradientNorm: Double
    /// Longest time any rank waited for gradient sums that the backward pass did not hide.
    public let exposedSeconds: Double
    /// Longest time any rank spent on Grams, bases, their folding, policy and guard, waiting for others' sums included.
    public let overheadSeconds: Double
    /// Time of the whole step.
    public let seconds: Double
    public let attention: AttentionReport
    /// Number of the signal that asked a rank to stop, the highest where ranks heard several; 0 for none.
    public let stopRequest: Int32
}

/// A number that is not finite where training needs one that is: a loss, a gradient, or what an update left.
public struct NonFiniteError: Error, CustomStringConvertible {
    /// The step that found it.
    public let step: Int
    /// What it is, and on which rank where one alone has it.
    public let what: String
    /// Whether the step's update had been made.
    public let isUpdated: Bool

    public init(step: Int, what: String, isUpdated: Bool = true) {
        self.step = step
        self.what = what
        self.isUpdated = isUpdated
    }

    public var description: String {
        "step \(step): \(what) is not finite" + (isUpdated ? "" : "; nothing was updated")
    }
}
