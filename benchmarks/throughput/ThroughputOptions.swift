import ArgumentParser
import BenchmarkSupport
import Checkpoint
import Kernels
import Model
import Options
import Worker

extension Precision: ExpressibleByArgument {}

/// What to train, and for how long.
struct ThroughputOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughput-benchmark",
        abstract: "Times whole training steps, or forward passes, on random tokens and prints JSON; alone or under mpirun.")

    @OptionGroup var shape: ModelOptions
    @Option(help: "A checkpoint, whose model, with weights of its own, stands for all of the shape but --context.")
    var checkpoint: String?
    @Flag(help: "Times forward pass and loss, as evaluation runs them, in place of training steps; one process alone.")
    var forward = false
    @Option(help: "Sequences a step, over all ranks.") var batch = 2
    @Option(help: "Threads a rank.") var threads = 1
    @Option(help: "Of the linear maps' products: float32 or bf16.") var precision = Precision.float32
    @Option(help: "Timed steps, or forward passes.") var steps = 10
    @Option(help: "Steps before them, which are not timed.") var warmup = 1

    mutating func validate() throws {
        try require([("threads", threads), ("steps", steps), ("batch", batch)])
        try require([("warmup", warmup)], atLeast: 0)
    }

    /// The model to time.
    ///
    /// - Throws: `ConfigurationError`, `CheckpointError` and what decoding throws.
    func model() throws -> ModelConfiguration {
        guard let checkpoint else { return try shape.model() }
        let reader = try CheckpointReader(path: checkpoint)
        var model = try reader.json(CheckpointLayout.config, as: SavedRun.self).model
        model.context = shape.context
        return model
    }
}
