import BenchmarkSupport
import Kernels
import Model
import Options
import Worker

/// What one piece of work took, and gave.
struct TimedPiece {
    /// Nats a token, mean.
    let loss: Double
    let seconds: Double
    /// Of these, waited for messages.
    let exposedSeconds: Double
}

/// Something that is done over and over, the next batch each time.
protocol TimedWork {
    var name: String { get }
    /// Of a training step's FLOPs, by the model's count.
    var shareOfTrainingFLOPs: Double { get }
    /// Collective.
    ///
    /// - Throws: what the work throws.
    mutating func run() throws -> TimedPiece
}

/// A whole training step with full attention.
struct TrainingStep: TimedWork {
    let name = "training step"
    let shareOfTrainingFLOPs = 1.0
    private let worker: Worker

    /// - Throws: `ConfigurationError` where the batch has fewer sequences than there are ranks.
    init(
        _ model: ModelConfiguration, source: BatchSource, batch: Int, steps: Int, grid: Grid, team: Team
    ) throws {
        let training = TrainingOptions(
            batch: batch, microBatch: batch,
            learningRate: LearningRate(peak: 1e-4, floor: 1e-4, warmup: 0, steps: steps), optimizer: AdamW(), clip: 1,
            seed: 1)
        worker = try Worker(
            grid: grid, configuration: model, options: training, ranks: ModelOptions.ranks(of: model), source: source,
            team: team)
    }

    func run() throws -> TimedPiece {
        let report = try worker.trainStep()
        return TimedPiece(loss: report[.loss], seconds: report[.seconds], exposedSeconds: report[.exposedSeconds])
    }
}

/// The forward pass and the loss of a batch, as evaluation runs them: nothing is kept for a backward pass.
struct ForwardPass: TimedWork {
    let name = "forward pass"
    let shareOfTrainingFLOPs = 1.0 / 3
    private let source: BatchSource
    private let batch: Int
    private let stage: TransformerStage
    private let activations: Activations
    private let nll: Buffer<Double>
    private var next = 0

    init(_ model: ModelConfiguration, source: BatchSource, batch: Int, team: Team) {
        self.source = source
        self.batch = batch
        let rows = batch * model.context
        stage = TransformerStage(model, placement: .whole(model), rows: rows, team: team, forTraining: false)
        stage.parameters.initialize(seed: 1)
        activations = stage.makeActivations()
        nll = Buffer(count: rows, repeating: 0)
    }

    mutating func run() -> TimedPiece {
        let start = monotonicSeconds()
        let tokens = source.microBatch(first: next, count: batch)
        stage.forward(tokens, activations)
        stage.negativeLogLikelihood(tokens, activations, into: nll)
        next += batch
        return TimedPiece(
            loss: nll.array.reduce(0, +) / Double(nll.count), seconds: monotonicSeconds() - start, exposedSeconds: 0)
    }
}
