import ArgumentParser
import Kernels

extension Precision: ExpressibleByArgument {}

/// What to train, and for how long.
struct ThroughputOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughput-benchmark",
        abstract: "Times whole training steps on random tokens and prints JSON; alone or under mpirun.")

    @Option(help: "Layers.") var layers = 6
    @Option(help: "Width of the residual stream.") var width = 512
    @Option(help: "Attention heads a layer.") var heads = 8
    @Option(help: "Tokens in a sequence.") var context = 1024
    @Option(help: "Sequences a step, over all ranks.") var batch = 2
    @Option(help: "Entries of the vocabulary, at most 65,536.") var vocabulary = 50257
    @Option(help: "Threads a rank.") var threads = 1
    @Option(help: "Of the linear maps' products: float32 or bf16.") var precision = Precision.float32
    @Option(help: "Timed steps.") var steps = 10
    @Option(help: "Steps before them, which are not timed.") var warmup = 1

    mutating func validate() throws {
        for (name, value, least) in [
            ("threads", threads, 1), ("steps", steps, 1), ("warmup", warmup, 0), ("batch", batch, 1),
        ] where value < least {
            throw ValidationError("--\(name) is \(value); it must be at least \(least)")
        }
        guard (1...1 << 16).contains(vocabulary) else {
            throw ValidationError("--vocabulary is \(vocabulary); tokens have 16 bits, so it lies between 1 and 65536")
        }
    }
}
