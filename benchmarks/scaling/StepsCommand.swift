import ArgumentParser
import BenchmarkSupport
import Communicator
import Kernels
import Model
import Worker

/// Times whole training steps on a grid of replicas × stages.
struct StepsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "Times whole training steps on random tokens; alone or under mpirun.")

    @OptionGroup var shape: ModelOptions
    @Option(help: "Stages; the remaining factor of the ranks is replicas.") var stages = 1
    @Option(help: "Sequences a step, over all replicas.") var batch = 8
    @Option(help: "Sequences of a micro-batch.") var microBatch = 1
    @Option(help: "Timed steps.") var steps = 5
    @Option(help: "Steps before them, which are not timed.") var warmup = 2

    mutating func validate() throws {
        try require([("steps", steps), ("warmup", warmup), ("batch", batch), ("micro-batch", microBatch)])
    }

    func run() { measuring { try measure(on: $0) } }

    private func measure(on world: consuming Communicator) throws -> StepsReport {
        let topology = try Topology(rank: world.rank, worldSize: world.size, stages: stages)
        let grid = try Grid(topology, world: world)
        let model = try shape.model()
        let tokens = try RandomTokens(vocabularySize: model.vocabularySize)
            .shard(count: (warmup + steps) * batch * model.context)
        let training = TrainingOptions(
            batch: batch, microBatch: microBatch,
            learningRate: LearningRate(peak: 1e-4, floor: 1e-4, warmup: 0, steps: warmup + steps), optimizer: AdamW(),
            clip: 1, seed: 1)
        let worker = try Worker(
            grid: grid, configuration: model, options: training, ranks: shape.ranks(),
            source: BatchSource(shard: tokens, context: model.context, seed: 1), team: Team(threads: 1))
        for _ in 0..<warmup { _ = try worker.trainStep() }
        let reports = try (0..<steps).map { _ in try worker.trainStep() }
        return StepsReport(
            replicas: topology.replicas, stages: stages,
            layers: try StagePlacement.split(model, stages: stages).map(\.layers.count),
            seconds: reports.map { $0[.seconds] }, exposed: reports.map { $0[.exposedSeconds] })
    }
}

private struct StepsReport: Encodable {
    let replicas, stages: Int
    /// Layers of each stage.
    let layers: [Int]
    /// Each step's time, and what of it the slowest rank waited for sums of gradients.
    let seconds, exposed: [Double]
}
