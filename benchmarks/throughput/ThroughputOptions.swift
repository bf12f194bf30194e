import ArgumentParser
import BenchmarkSupport
import Kernels

extension Precision: ExpressibleByArgument {}

/// What to train, and for how long.
struct ThroughputOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughput-benchmark",
        abstract: "Times whole training steps on random tokens and prints JSON; alone or under mpirun.")

    @OptionGroup var shape: ModelOptions
    @Option(help: "Sequences a step, over all ranks.") var batch = 2
    @Option(help: "Threads a rank.") var threads = 1
    @Option(help: "Of the linear maps' products: float32 or bf16.") var precision = Precision.float32
    @Option(help: "Timed steps.") var steps = 10
    @Option(help: "Steps before them, which are not timed.") var warmup = 1

    mutating func validate() throws {
        try require([("threads", threads), ("steps", steps), ("batch", batch)])
        try require([("warmup", warmup)], atLeast: 0)
    }
}
