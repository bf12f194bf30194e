import DynamicRank
import Kernels

/// What a step tells. Loss in nats a token; times in seconds; FLOPs as the kernels count them, forward and backward.
extension Metric {
    /// Mean negative log-likelihood of the batch's targets before the update.
    public static let loss = Metric("loss", .mean)
    /// Of the step.
    public static let learningRate = Metric("lr", .same)
    /// Global norm of the gradient before clipping, the shared embedding counted once.
    public static let gradientNorm = Metric("grad_norm", .norm)
    /// Time of the whole step.
    public static let seconds = Metric("seconds", .max)
    /// Longest time any rank waited for gradient sums that the backward pass did not hide.
    public static let exposedSeconds = Metric("exposed_comm_seconds", .max)
}

/// Where attention is not full.
extension Metric {
    /// Projections, scores, values, upkeep of the bases, policy and guard.
    public static let attentionFLOPs = Metric("attention_flops", .sum)
    /// Of these, Grams, bases and their folding into weights.
    public static let upkeepFLOPs = Metric("upkeep_flops", .sum)
    /// The share that full attention would have executed more, in the same tiles.
    public static let attentionFLOPsSaved = Metric("attention_flops_saved", .same)
    /// Longest time any rank spent on Grams, bases, their folding, policy and guard, waiting for others' sums included.
    public static let overheadSeconds = Metric("overhead_seconds", .max)
    /// Where levels are named: means over layers and segments.
    public static let scoreRank = Metric("score_rank", .mean)
    /// Mean columns of the value basis.
    public static let valueRank = Metric("value_rank", .mean)
}

/// In steps that looked at the bases: score and value bases of all heads and layers together.
extension Metric {
    /// Bases left as they were, turned by orthogonal iteration, and decomposed again.
    public static let basesKept = Metric("bases_kept", .sum)
    /// Bases turned by an iteration.
    public static let basesIterated = Metric("bases_iterated", .sum)
    /// Bases found by a decomposition.
    public static let basesDecomposed = Metric("bases_decomposed", .sum)
    /// FLOPs of finding out which, of iterations, those that did not suffice included, and of decompositions.
    public static let basisCheckFLOPs = Metric("basis_check_flops", .sum)
    /// FLOPs of these iterations.
    public static let basisIterationFLOPs = Metric("basis_iteration_flops", .sum)
    /// FLOPs of these decompositions.
    public static let basisDecompositionFLOPs = Metric("basis_decomposition_flops", .sum)
    /// Seconds of it all, added up over heads.
    public static let basisSeconds = Metric("basis_seconds", .sum)
}

/// Under a policy.
extension Metric {
    /// Of attention's FLOPs: the policy, its training and its rewards; the guard's and the state's spectral norms.
    public static let policyFLOPs = Metric("policy_flops", .sum)
    /// FLOPs of the guard's norms.
    public static let guardFLOPs = Metric("guard_flops", .sum)
    /// Mean reward (Eq. 12) of a segment.
    public static let reward = Metric("reward", .same)
    /// Mean entropy of its decisions, in nats.
    public static let policyEntropy = Metric("policy_entropy", .same)
    /// ε_t; absent without a guard.
    public static let epsilon = Metric("epsilon", .same)
    /// Share of actions that the guard masked.
    public static let maskedShare = Metric("masked_share", .same)
}

extension MetricValues {
    /// One rank's part of what became of the bases; nothing in a step that did not look at them.
    mutating func record(_ upkeep: Upkeep, looked: Bool) {
        guard looked else { return }
        self[.basesKept] = Double(upkeep.kept)
        self[.basesIterated] = Double(upkeep.iterated)
        self[.basesDecomposed] = Double(upkeep.decomposed)
        self[.basisCheckFLOPs] = Double(upkeep.checkFLOPs)
        self[.basisIterationFLOPs] = Double(upkeep.iterationFLOPs)
        self[.basisDecompositionFLOPs] = Double(upkeep.decompositionFLOPs)
        self[.basisSeconds] = upkeep.seconds
    }

    /// What the policy learnt, which every rank knows, and this rank's FLOPs for it; nothing where none decides.
    mutating func record(_ policyReport: PolicyReport?, _ flops: FlopCounter) {
        guard let policyReport else { return }
        self[.policyFLOPs] = Double(flops[.policy])
        self[.guardFLOPs] = Double(flops[.guard])
        self[.reward] = policyReport.reward
        self[.policyEntropy] = policyReport.entropy
        self[.epsilon] = policyReport.tolerance
        self[.maskedShare] = policyReport.maskedShare
    }
}

/// What a step did; the same on every rank.
public struct StepReport: Sendable {
    /// Number of the step, from 1.
    public let step: Int
    /// What was measured.
    public let metrics: MetricValues
    /// Number of the signal that asked a rank to stop, the highest where ranks heard several; 0 for none.
    public let stopRequest: Int32

    /// A metric that every step has.
    public subscript(metric: Metric) -> Double { metrics[metric] ?? .nan }
}
