import Checkpoint
import Foundation
import TestSupport
import Testing

/// A signal saves at the next step, on all ranks, and the job exits 0.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct SignalTests {
    private static let endless = ["--steps", "1000000", "--checkpoint-every", "0"]

    private func expectSavedAndStopped(_ run: SmallRun, _ outcome: Outcome) throws {
        #expect(outcome.succeeded, "\(outcome)")
        let last = try #require(run.metrics().last?.step)
        #expect(try run.metrics().map(\.step) == Array(1...last))
        #expect(try run.checkpointSteps() == [last])
        #expect(try CheckpointReader(path: run.checkpoint(last)).step == last)
        #expect(outcome.output.hasSuffix("stopped    at step \(last), as a signal asked; start again to go on\n"), "\(outcome)")
        // mpirun says that it passes a signal on.
        #expect(outcome.errors == "" || outcome.errors == "mpirun: Forwarding signal \(SIGUSR1) to job\n", "\(outcome)")
    }

    @Test func toMPIRun() async throws {
        let run = try SmallRun()
        let outcome = try await run.train(on: GridShape(2, 2), Self.endless) { command in
            try command.wait(for: "third step") { run.metricsCount >= 3 }
            command.send(signal: SIGUSR1)
        }
        try expectSavedAndStopped(run, outcome)
    }

    @Test(arguments: [(SIGUSR1, 0), (SIGUSR1, 3), (SIGTERM, 1), (SIGTERM, 0)])
    func toOneRank(signal: Int32, rank: Int) async throws {
        let run = try SmallRun()
        let outcome = try await run.train(on: GridShape(2, 2), Self.endless) { command in
            try command.wait(for: "third step") { run.metricsCount >= 3 }
            try RankProcess.all(of: command, count: 4)[rank].send(signal: signal)
        }
        try expectSavedAndStopped(run, outcome)
    }

    /// mpirun waits twice as long as it is told: before it passes the signal on, and before it kills.
    @Test func terminationOfMPIRunGivenTime() async throws {
        let run = try SmallRun()
        let outcome = try await mpirun(
            ranks: 2, BuiltProduct.url(named: "drrl-train"), run.arguments(Self.endless),
            flags: ["--mca", "odls_base_sigkill_timeout", "3"], timeout: 120
        ) { command in
            try command.wait(for: "third step") { run.metricsCount >= 3 }
            command.send(signal: SIGTERM)
        }
        #expect(!outcome.timedOut)
        let last = try #require(run.metrics().last?.step)
        #expect(try run.checkpointSteps() == [last], "\(outcome)")
    }

    @Test(arguments: [SIGUSR1, SIGTERM])
    func toAProcessOfItsOwn(signal: Int32) async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(Self.endless) { command in
            try command.wait(for: "third step") { run.metricsCount >= 3 }
            command.send(signal: signal)
        }
        try expectSavedAndStopped(run, outcome)
    }
}
