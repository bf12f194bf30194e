import ArgumentParser
import BenchmarkSupport
import Communicator
import Kernels
import Worker

/// Times messages between two ranks, and the sums over all ranks that gradients go through.
struct MessagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "messages", abstract: "Times messages to and fro and nonblocking allreduces; under mpirun -n 2.")

    @Option(parsing: .upToNextOption, help: "Bytes of a message.")
    var bytes = [4, 1024, 16384, 65536, 131072, 262144, 1 << 20, 1 << 22]
    @Option(parsing: .upToNextOption, help: "Bytes of an allreduce.")
    var sums = [131072, 1 << 20, 3_159_040, 1 << 22]
    @Option(help: "Seconds for each size.") var seconds = 0.1

    mutating func validate() throws {
        guard (bytes + sums).allSatisfy({ $0 >= 4 }) else {
            throw ValidationError("--bytes and --sums count from 4, one element")
        }
        guard seconds > 0, seconds < 600 else {
            throw ValidationError("--seconds is \(seconds); it lies above 0 and below 600")
        }
    }

    func run() {
        measuring { world in
            guard world.size > 1 else { throw ValidationError("messages need two ranks: start them with mpirun -n 2") }
            let messages = try bytes.map { try Timing(bytes: $0, seconds: pingPong($0, on: world)) }
            let sums = try sums.map { try Timing(bytes: $0, seconds: sum($0, on: world)) }
            return MessagesReport(ranks: world.size, messages: messages, sums: sums)
        }
    }

    /// Time of a message between ranks 0 and 1: half of there and back.
    private func pingPong(_ bytes: Int, on world: borrowing Communicator) throws -> Double {
        let buffer = Buffer<Float>(count: bytes / 4, repeating: 1)
        return try repeated(on: world) {
            if world.rank == 0 {
                try world.send(buffer, to: 1, tag: 0)
                try world.receive(into: buffer, from: 1, tag: 1)
            } else if world.rank == 1 {
                try world.receive(into: buffer, from: 0, tag: 0)
                try world.send(buffer, to: 0, tag: 1)
            }
        } / 2
    }

    /// Time of an allreduce over all ranks, begun and waited for as a bucket of gradients is.
    private func sum(_ bytes: Int, on world: borrowing Communicator) throws -> Double {
        let own = Buffer<Float>(count: bytes / 4, repeating: 1), received = Buffer<Float>(count: bytes / 4, repeating: 0)
        return try repeated(on: world) {
            try world.barrier()
            try world.iallreduce(own, into: received, .sum, name: "sum").wait()
        }
    }

    /// Collective: of many runs, one that nine in ten exceed, of the slowest rank. Whatever else the machine does may add
    /// to a message a thousand times what it takes.
    private func repeated(on world: borrowing Communicator, _ body: () throws -> Void) throws -> Double {
        func timed() throws -> Double {
            let start = monotonicSeconds()
            try body()
            return monotonicSeconds() - start
        }
        for _ in 0..<2 { _ = try timed() }
        let start = monotonicSeconds()
        var samples: [Double] = []
        repeat {
            // Ranks decide together, seldom, whether to go on.
            samples += try (0..<20).map { _ in try timed() }
        } while try world.allreduce(monotonicSeconds() - start, .max) < seconds && samples.count < 2000
        return try world.allreduce(samples.sorted()[samples.count / 10], .max)
    }
}

private struct Timing: Encodable {
    let bytes: Int
    let seconds: Double
}

private struct MessagesReport: Encodable {
    let ranks: Int
    let messages, sums: [Timing]
}
