import ArgumentParser
import Kernels

/// What the scaling model is calibrated on and checked against; `run` starts it.
@main
struct ScalingBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling-benchmark",
        abstract: "Times the parts of training steps, messages, or whole steps on a grid, and prints JSON.",
        subcommands: [PassesCommand.self, MessagesCommand.self, StepsCommand.self])

    static func main() {
        OpenBLASCore.useWidest()
        main(nil)
    }
}
