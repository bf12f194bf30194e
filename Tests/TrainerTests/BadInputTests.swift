import Foundation
import Runs
import TestSupport
import Testing

/// Every mistake is one clear line from one rank, exit code 2 and no hang, under mpirun and without it.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct BadInputTests {
    private static let patience = 60.0

    private func options(_ input: BadInput, _ run: SmallRun) async throws -> (options: [String], named: [String]) {
        (
            try await ["--steps", "2"] + input.options(run.scratch),
            input.named.map { $0.replacing("%", with: run.scratch.path) }
        )
    }

    @Test(arguments: BadInput.onAnyGrid) func withoutMPIRun(input: BadInput) async throws {
        let run = try SmallRun()
        let (options, named) = try await options(input, run)
        let outcome = try await run.trainAlone(options, timeout: Self.patience)
        expectRefused(outcome, named)
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
    }

    @Test(arguments: BadInput.onAnyGrid + BadInput.onTwoRanks) func onTwoRanks(input: BadInput) async throws {
        let run = try SmallRun()
        let (options, named) = try await options(input, run)
        // All ranks leave at once, so mpirun need not wait for any.
        let flags = ["--mca", "odls_base_sigkill_timeout", "0"]
        let outcome = try await run.train(on: GridShape(2, 1), options, flags: flags, timeout: Self.patience)
        expectRefused(outcome, named)
    }

    @Test func aSecondJobInTheSameDirectoryIsRefused() async throws {
        let run = try SmallRun()
        let second = try run.arguments(["--steps", "2"])
        let program = try BuiltProduct.url(named: "drrl-train")
        let refused = Found<Outcome?>(nil)
        let outcome = try await run.train(on: GridShape(2, 1), ["--steps", "1000000"]) { command in
            try command.wait(for: "first step") { run.metricsCount >= 1 }
            let other = try RunningCommand(program, second, environment: MPIRun.environment, timeout: Self.patience)
            refused.value = other.wait()
            command.send(signal: SIGUSR1)
        }
        #expect(outcome.succeeded, "the first goes on: \(outcome)")
        expectRefused(try #require(refused.value), ["--run-dir \(run.directory.path)", "another job"])
    }

    /// A disk of so many KiB: too small for the tokens; for a checkpoint.
    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount"), arguments: [(16, "data/"), (600, "no room for a checkpoint")])
    func aFullDiskIsNamed(kibibytes: Int, named: String) async throws {
        let disk = try SmallDisk(bytes: kibibytes << 10), run = try SmallRun()
        let outcome = try await run.train(on: GridShape(2, 1), ["--steps", "2", "--run-dir", disk.path + "/run"])
        expectRefused(outcome, [named, disk.path])
    }

    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount"))
    func aDiskThatFillsUpStopsTheRunAndLeavesWholeLines() async throws {
        let disk = try SmallDisk(bytes: 16 << 20), run = try SmallRun()
        let directory = RunDirectory(disk.path + "/run"), filler = disk.path + "/filler"
        let options = ["--run-dir", directory.path, "--checkpoint-every", "5", "--steps", "1000000"]
        let outcome = try await run.train(on: GridShape(2, 1), options) { command in
            try command.wait(for: "checkpoint") {
                FileManager.default.fileExists(atPath: directory.path + "/checkpoint-00000005.h5")
            }
            try fillDisk(with: filler)
        }
        expectRefused(outcome, [directory.path])
        try FileManager.default.removeItem(atPath: filler)
        let again = try await run.train(on: GridShape(2, 1), ["--run-dir", directory.path, "--steps", "1000000"]) { command in
            try command.wait(for: "resumption") { command.output.contains("resume     step ") }
            command.send(signal: SIGUSR1)
        }
        #expect(again.succeeded, "\(again)")
        let steps = try String(contentsOfFile: directory.metrics, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(MetricsLine.self, from: Data($0.utf8)).step
        }
        #expect(steps == Array(1...steps.count))
    }
}
