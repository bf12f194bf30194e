/// One piece of a stage's work in a step.
public enum PipelinePhase: Equatable, Sendable {
    /// Forward pass of a micro-batch.
    case forward(Int)
    /// Backward pass of a micro-batch.
    case backward(Int)
}

/// The order of a stage's work: one forward, one backward (Narayanan et al. 2019, "PipeDream").
public enum PipelineSchedule {
    /// Stage `stage` of `stages` starts with as many forward passes as there are stages after it, then alternates, then
    /// drains. At most `inFlight` micro-batches hold activations at once.
    public static func oneForwardOneBackward(stage: Int, stages: Int, microBatches: Int) -> [PipelinePhase] {
        let ahead = min(stages - 1 - stage, microBatches)
        var phases = (0..<ahead).map(PipelinePhase.forward)
        for i in 0..<microBatches {
            if i + ahead < microBatches { phases.append(.forward(i + ahead)) }
            phases.append(.backward(i))
        }
        return phases
    }

    /// The most micro-batches whose activations a stage holds at once.
    public static func inFlight(stage: Int, stages: Int, microBatches: Int) -> Int {
        max(1, min(stages - stage, microBatches))
    }
}
