import Kernels
import LowRank
import Runs

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
        self[.executedShare] = policyReport.executedShare
        self[.priceMultiplier] = policyReport.priceMultiplier
    }
}

/// What a step did; the same on every rank.
public struct StepReport: Sendable {
    /// Number of the step, from 1.
    public let step: Int
    public let metrics: MetricValues
    /// Number of the signal that asked a rank to stop, the highest where ranks heard several; 0 for none.
    public let stopRequest: Int32

    /// A metric that every step has.
    public subscript(metric: Metric) -> Double { metrics[metric] ?? .nan }
}
