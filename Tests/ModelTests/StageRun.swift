import Kernels
import Model

/// A model cut into stages, run by hand on one process.
struct StageRun {
    let configuration: ModelConfiguration
    let stages: [TransformerStage]
    private let activations: [Activations]

    init(
        _ configuration: ModelConfiguration, weights: [String: [Float]], stages count: Int = 1, rows: Int,
        threads: Int = 1, forTraining: Bool = true, attention: AttentionKind = .softmax,
        precision: Precision = .float32
    ) throws {
        self.configuration = configuration
        let team = Team(threads: threads, precision: precision)
        stages = try StagePlacement.split(configuration, stages: count).map { placement in
            let stage = TransformerStage(
                configuration, placement: placement, rows: rows, team: team, forTraining: forTraining,
                attention: attention)
            ModelWeights.load(weights, into: stage.parameters)
            return stage
        }
        activations = stages.map { $0.makeActivations() }
        // No pass may rest on what memory held before.
        for (stage, own) in zip(stages, activations) {
            stage.streamGradient.fill(.nan)
            own.output.fill(.nan)
            stage.input(of: own).fill(.nan)
        }
    }

    func forward(_ batch: MicroBatch, dropout: Dropout? = nil, lowRank: LowRankPass? = nil) {
        if let lowRank { stages[0].fold(lowRank) }
        let count = batch.rows * configuration.width
        for i in stages.indices {
            if i > 0 {
                stages[i].input(of: activations[i])[0..<count].copy(from: activations[i - 1].output[0..<count])
            }
            stages[i].forward(batch, activations[i], dropout: dropout, lowRank: lowRank)
        }
    }

    func logits(_ batch: MicroBatch) -> [Float] {
        stages[stages.count - 1].logits(batch, activations[stages.count - 1]).array
    }

    func negativeLogLikelihood(_ batch: MicroBatch) -> [Double] {
        let nll = Buffer<Double>(count: batch.rows, repeating: .nan)
        stages[stages.count - 1].negativeLogLikelihood(batch, activations[stages.count - 1], into: nll)
        return nll.array
    }

    /// Targets from the last forward pass.
    func drawTargets(_ batch: MicroBatch, _ draw: TargetDraw) -> [Int32] {
        stages[stages.count - 1].drawTargets(batch, activations[stages.count - 1], draw).array
    }

    /// Forward, loss and backward; gradients are added to the stages' arenas. Returns Σ nll.
    @discardableResult
    func pass(
        _ batch: MicroBatch, dropout: Dropout? = nil, lowRank: LowRankPass? = nil, scale: Float = 1,
        finished: (Int?) -> Void = { _ in }, observer: AttentionObserver? = nil
    ) -> Double {
        precondition(lowRank == nil || stages.count == 1, "a low-rank pass knows one stage's layers")
        forward(batch, dropout: dropout, lowRank: lowRank)
        let count = batch.rows * configuration.width, last = stages.count - 1
        let loss = stages[last].loss(batch, activations[last], scale: scale)
        for i in stages.indices.reversed() {
            if i < last {
                stages[i].streamGradient[0..<count].copy(from: stages[i + 1].streamGradient[0..<count])
            }
            stages[i].backward(batch, activations[i], dropout: dropout, lowRank: lowRank, observer: observer) { layer in
                if let layer, let lowRank { stages[i].unfold(lowRank, layer: layer) }
                finished(layer)
            }
        }
        return loss
    }

    /// Gradients of all stages; the shared embedding's are summed.
    var gradients: [String: [Float]] {
        stages.map { ModelWeights.gradients(of: $0.parameters) }.reduce(into: [:]) { all, own in
            all.merge(own) { a, b in zip(a, b).map { $0 + $1 } }
        }
    }
}
