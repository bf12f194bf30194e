import Checkpoint
import Foundation
import Runs
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

/// Signals of a person at a terminal, and requests to stop that fall into an evaluation.
@Suite(.serialized) struct InterruptTests {
    private static let endless = ["--steps", "1000000", "--checkpoint-every", "0"]

    /// Foundation's processes may inherit ignored signals, a shell's do not where it is told.
    @Test(arguments: [(SIGINT, 130), (SIGHUP, 129), (SIGXCPU, 152)] as [(Int32, Int32)])
    func aRunThatIsInterruptedSavesAndSaysWhy(signal: Int32, code: Int32) async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(Self.endless) { command in
            try command.wait(for: "third step") { run.metricsCount >= 3 }
            command.send(signal: signal)
        }
        #expect(outcome.status == code && outcome.output.contains("as a signal asked"), "\(outcome)")
        let last = try #require(run.metrics().last?.step)
        #expect(try run.checkpointSteps() == [last])
    }

    /// A text whose evaluation takes long, evaluated after the third step.
    private func longEvaluation(_ run: SmallRun) throws -> [String] {
        let text = try run.scratch.write(String(repeating: "one cat sat on another mat ", count: 400_000), to: "long.txt")
        return Self.endless + ["--valid", text, "--eval-every", "3", "--width", "128"]
    }

    @Test func aRequestBeforeAnEvaluationLeavesItOut() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(longEvaluation(run)) { command in
            try command.wait(for: "start") { command.output.contains("run  ") }
            command.send(signal: SIGUSR1)
        }
        #expect(outcome.succeeded && !outcome.output.contains("perplexity"), "\(outcome)")
        #expect(try run.checkpointSteps().count == 1)
    }

    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed"), arguments: [GridShape(1, 1), GridShape(2, 1), GridShape(1, 2)])
    func anEvaluationUnderWayIsInterrupted(grid: GridShape) async throws {
        let run = try SmallRun()
        let outcome = try await run.train(on: grid, longEvaluation(run)) { command in
            // The step's line is written after its evaluation.
            try command.wait(for: "second step") { run.metricsCount >= 2 }
            Thread.sleep(forTimeInterval: 1)
            command.send(signal: SIGUSR1)
        }
        #expect(outcome.succeeded && outcome.output.contains("valid      step 3: left out, as a signal asked"), "\(outcome)")
        #expect(try run.checkpointSteps() == [3])
    }

    @Test func aSecondInterruptLeavesAtOnce() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(longEvaluation(run)) { command in
            try command.wait(for: "second step") { run.metricsCount >= 2 }
            command.send(signal: SIGSTOP)
            command.send(signal: SIGINT)
            command.send(signal: SIGCONT)
            Thread.sleep(forTimeInterval: 0.05)
            command.send(signal: SIGINT)
        }
        #expect(outcome.status == 130, "\(outcome)")
    }
}
