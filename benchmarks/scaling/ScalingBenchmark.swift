import ArgumentParser
import Communicator
import DynamicRank
import Foundation
import Kernels
import Transformer

/// What the scaling model is calibrated on and checked against; `run` starts it.
@main
struct ScalingBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling-benchmark",
        abstract: "Times the parts of training steps, messages, or whole steps on a grid, and prints JSON.",
        subcommands: [PassesCommand.self, MessagesCommand.self, StepsCommand.self])
}

/// The shape of the model.
struct ModelOptions: ParsableArguments {
    @Option(help: "Layers.") var layers = 8
    @Option(help: "Width of the residual stream.") var width = 256
    @Option(help: "Attention heads a layer.") var heads = 4
    @Option(help: "Tokens in a sequence.") var context = 128
    @Option(help: "Entries of the vocabulary, at most 65,536.") var vocabulary = 4096

    mutating func validate() throws {
        guard (1...1 << 16).contains(vocabulary) else {
            throw ValidationError("--vocabulary is \(vocabulary); tokens have 16 bits, so it lies between 1 and 65536")
        }
    }

    func model() throws -> ModelConfiguration {
        try ModelConfiguration(
            vocabularySize: vocabulary, context: context, width: width, heads: heads, layers: layers)
    }

    /// Full attention, with the statistics that every training step gathers.
    func ranks() throws -> RankOptions {
        RankOptions(
            strategy: .full, levels: RankOptions.defaultLevels(headWidth: try model().headWidth), segment: context)
    }
}

/// Throws where an option that counts something is below 1.
func requirePositive(_ options: [(name: String, value: Int)]) throws {
    for (name, value) in options where value < 1 {
        throw ValidationError("--\(name) is \(value); it must be at least 1")
    }
}

/// Runs a measurement in a session of MPI and prints what it returns on rank 0; an error ends all ranks.
func measuring<Report: Encodable>(_ body: (_ world: consuming Communicator) throws -> Report) {
    do {
        let session = try MPISession()
        let isFirst = session.world.rank == 0
        let report = try body(session.world)
        if isFirst {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        }
        try session.finalize()
    } catch {
        MPISession.abort(code: 1, reason: "\(error)")
    }
}

/// Half the samples lie below it.
func median(_ samples: [Double]) -> Double {
    let sorted = samples.sorted(), n = sorted.count
    return n == 0 ? 0 : 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2])
}
