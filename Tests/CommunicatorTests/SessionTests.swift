import Foundation
import TestSupport
import Testing

/// Starts one scenario of `communicator-probe` alone, without mpirun.
private func lone(_ scenario: String) async throws -> Outcome {
    try await run(
        BuiltProduct.url(named: "communicator-probe"), [scenario], environment: MPIRun.environment)
}

@Suite(.serialized)
struct SessionTests {
    @Test(arguments: ["singleton", "after-finalize", "other-thread", "allreduce", "nonblocking-reductions"])
    func withoutMPIRun(scenario: String) async throws {
        let outcome = try await lone(scenario)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output == "passed \(scenario)\n")
    }

    @Test func abortBeforeInitialisation() async throws {
        let outcome = try await lone("no such scenario")
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.errors.hasPrefix("no scenario 'no such scenario'"), "\(outcome)")
    }

    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
    func communicatorOutlivesMPI() async throws {
        try await expectPassed("after-finalize", ranks: 2)
    }

    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
    func failingRankEndsTheJob() async throws {
        let outcome = try await probe("failing-rank", ranks: 4)
        #expect(!outcome.timedOut)
        #expect(outcome.status == 3, "\(outcome)")
        #expect(outcome.errors.contains("rank 2: out of luck at step 17\n"), "\(outcome)")
        #expect(!outcome.output.contains("passed"))
    }
}

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct StopSignalTests {
    @Test func signalToMPIRunReachesAllRanks() async throws {
        let outcome = try await probe("stop-signal", ranks: 3) { command in
            try command.wait(for: "ranks to be ready") { command.output.hasSuffix("\n") }
            command.send(signal: SIGUSR1)
        }
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("SIGUSR1"), "\(outcome)")
        #expect(outcome.output.hasSuffix("passed stop-signal\n"), "\(outcome)")
    }

    @Test(arguments: [(SIGUSR1, "SIGUSR1"), (SIGTERM, "SIGTERM")])
    func signalToOneRankStopsAll(signal: Int32, name: String) async throws {
        let outcome = try await probe("stop-signal", ranks: 2) { command in
            try command.wait(for: "ranks to be ready") { command.output.hasSuffix("\n") }
            let processes = command.output.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
            try #require(processes.count == 2)
            kill(processes[1], signal)
        }
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.hasSuffix("raised none \(name)\npassed stop-signal\n"), "\(outcome)")
    }
}
