import ArgumentParser
import Model
import Options

/// Whose attention is timed.
struct AttentionBenchmarkOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention-benchmark",
        abstract: "Times attention on one sequence: for each line \"CONTEXT full\" or \"CONTEXT S:V\" read, a line of JSON.")

    @Option(help: "Width of the residual stream.") var width = 512
    @Option(help: "Attention heads.") var heads = 8
    @Option(help: "Tokens that share a level.") var segment = 128
    @Option(help: "Threads.") var threads = 1
    @Option(help: "Seconds for which a case is repeated; it runs at least once.") var seconds = 0.3
    @Flag(help: "Processor time, summed over threads, in place of the clock's.") var cpuTime = false

    mutating func validate() throws {
        guard threads >= 1 else { throw ValidationError("--threads is \(threads); it must be at least 1") }
    }

    /// A model of one layer, whose attention is timed.
    ///
    /// - Throws: `ConfigurationError`.
    func model(context: Int) throws -> ModelConfiguration {
        try ModelConfiguration(vocabularySize: 1, context: context, width: width, heads: heads, layers: 1)
    }
}
