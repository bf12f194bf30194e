import Communicator
import Kernels
import LowRank
import Model

/// Gradients of a stage that are complete for the step.
enum GradientPart {
    /// Of the head, and what it adds to those of the token embedding where the two are tied.
    case head
    case layer(Int)
    case rest
}

/// One stage's part in a pipeline: receives, computes, sends.
final class Pipeline {
    private let grid: Grid
    let stage: TransformerStage
    /// Activations of the micro-batches in flight.
    private let slots: [Activations]
    /// What is being sent back while the next backward pass writes `streamGradient`.
    private let sentGradient: Buffer<Float>?
    private var forwardSends = RequestQueue()
    private var backwardSends = RequestQueue()

    init(grid: Grid, stage: TransformerStage, microBatches: Int) {
        self.grid = grid
        self.stage = stage
        let topology = grid.topology
        let count = PipelineSchedule.inFlight(
            stage: topology.stage, stages: topology.stages, microBatches: microBatches)
        slots = (0..<count).map { _ in stage.makeActivations() }
        sentGradient = topology.isFirstStage ? nil : Buffer(uninitialized: stage.streamGradient.count)
    }

    /// Forward and backward over all micro-batches; returns the sum of the targets' negative log-likelihood in nats on
    /// the last stage, 0 elsewhere. Gradients are those of `scale` times the sum.
    ///
    /// `finished` is told of the gradients that are complete for the step. With `keepsTokenRows` the last micro-batch's
    /// part of the token embedding's gradient is left in the stage's `streamGradient`. With `look` targets are drawn from the
    /// model, and its observer sees each layer that attends in full.
    func train(
        _ batches: [MicroBatch], dropout: Dropout?, lowRank: LowRankPass, scale: Float, keepsTokenRows: Bool,
        look: RankEngine.Look? = nil, finished: (GradientPart) throws -> Void
    ) throws -> Double {
        let topology = grid.topology
        var total = 0.0
        let phases = PipelineSchedule.oneForwardOneBackward(
            stage: topology.stage, stages: topology.stages, microBatches: batches.count)
        for phase in phases {
            switch phase {
            case .forward(let i):
                try forward(batches[i], number: i, dropout: dropout, lowRank: lowRank)
            case .backward(let i):
                let batch = batches[i], activations = slots[i % slots.count], isLast = i == batches.count - 1
                if topology.isLastStage {
                    let aimed = look.map { batch.replacing(targets: stage.drawTargets(batch, activations, $0.draw)) } ?? batch
                    total += stage.loss(aimed, activations, scale: scale)
                    if isLast { try finished(.head) }
                } else {
                    try grid.sameReplica.receive(
                        into: stream(stage.streamGradient, batch), from: topology.stage + 1, tag: 2 * i + 1)
                }
                try stage.backward(
                    batch, activations, dropout: dropout, lowRank: lowRank, keepsTokenRows: isLast && keepsTokenRows,
                    observer: look?.observer
                ) { layer in
                    if isLast, let layer { try finished(.layer(layer)) }
                }
                try sendGradient(batch, number: i)
            }
        }
        try finished(.rest)
        try forwardSends.waitAll()
        try backwardSends.waitAll()
        return total
    }

    /// Forward pass only; each row's negative log-likelihood on the last stage.
    func evaluate(_ batch: MicroBatch, lowRank: LowRankPass, into nll: Buffer<Double>) throws {
        try forward(batch, number: 0, dropout: nil, lowRank: lowRank)
        if grid.topology.isLastStage { stage.negativeLogLikelihood(batch, slots[0], into: nll) }
        try forwardSends.waitAll()
    }

    /// Gives up, so that another error can end the job.
    func abandon() {
        forwardSends.abandonAll()
        backwardSends.abandonAll()
    }

    private func forward(_ batch: MicroBatch, number: Int, dropout: Dropout?, lowRank: LowRankPass) throws {
        let topology = grid.topology, activations = slots[number % slots.count]
        if !topology.isFirstStage {
            try grid.sameReplica.receive(
                into: stream(stage.input(of: activations), batch), from: topology.stage - 1, tag: 2 * number)
        }
        stage.forward(batch, activations, dropout: dropout, lowRank: lowRank)
        if !topology.isLastStage {
            // The slot is not written again before the next stage has sent this micro-batch's gradient.
            forwardSends.add(
                try grid.sameReplica.isend(
                    stream(activations.output, batch), to: topology.stage + 1, tag: 2 * number,
                    name: "activations of micro-batch \(number)"))
        }
    }

    private func sendGradient(_ batch: MicroBatch, number: Int) throws {
        guard let sentGradient else { return }
        try backwardSends.waitAll()
        let outgoing = stream(sentGradient, batch)
        outgoing.copy(from: stream(stage.streamGradient, batch))
        backwardSends.add(
            try grid.sameReplica.isend(
                outgoing, to: grid.topology.stage - 1, tag: 2 * number + 1,
                name: "gradient of micro-batch \(number)"))
    }

    private func stream(_ buffer: Buffer<Float>, _ batch: MicroBatch) -> Buffer<Float> {
        buffer[0..<(batch.rows * stage.configuration.width)]
    }
}

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
