import Foundation
import TestSupport
import Testing

/// Starts one scenario of `communicator-probe` under mpirun.
func probe(
    _ scenario: String, ranks: Int, flags: [String] = [], timeout: TimeInterval = 120,
    while interaction: (@Sendable (RunningCommand) throws -> Void)? = nil
) async throws -> Outcome {
    try await mpirun(
        ranks: ranks, BuiltProduct.url(named: "communicator-probe"), [scenario], flags: flags,
        timeout: timeout, while: interaction)
}

/// Runs a scenario that must succeed on all ranks.
func expectPassed(_ scenario: String, ranks: Int) async throws {
    let outcome = try await probe(scenario, ranks: ranks)
    #expect(outcome.succeeded, "\(scenario) on \(ranks): \(outcome)")
    #expect(outcome.output == "passed \(scenario)\n")
}

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct CollectiveTests {
    @Test(arguments: [1, 2, 3, 4, 8]) func allreduce(ranks: Int) async throws {
        try await expectPassed("allreduce", ranks: ranks)
    }

    @Test func allreduceOfArraysOfOtherLength() async throws {
        try await expectPassed("array-of-other-length", ranks: 3)
    }

    @Test(arguments: [1, 2, 3, 4]) func reduce(ranks: Int) async throws {
        try await expectPassed("reduce", ranks: ranks)
    }

    @Test(arguments: [1, 2, 3, 4]) func broadcast(ranks: Int) async throws {
        try await expectPassed("broadcast", ranks: ranks)
    }

    @Test(arguments: [1, 2, 3, 4]) func gather(ranks: Int) async throws {
        try await expectPassed("gather", ranks: ranks)
    }

    @Test func agreement() async throws {
        try await expectPassed("agreement", ranks: 4)
    }
}

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct MessageTests {
    @Test(arguments: [2, 3, 4]) func messages(ranks: Int) async throws {
        try await expectPassed("messages", ranks: ranks)
    }

    @Test func messageOfOtherLength() async throws {
        try await expectPassed("message-of-other-length", ranks: 2)
    }

    @Test(arguments: [1, 2, 3, 4]) func nonblockingMessages(ranks: Int) async throws {
        try await expectPassed("nonblocking-messages", ranks: ranks)
    }
}

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct RequestTests {
    @Test(arguments: [1, 2, 3, 4, 8]) func nonblockingReductions(ranks: Int) async throws {
        try await expectPassed("nonblocking-reductions", ranks: ranks)
    }

    @Test(arguments: [1, 2, 4, 8]) func scrambledCompletion(ranks: Int) async throws {
        try await expectPassed("scrambled-completion", ranks: ranks)
    }

    @Test(arguments: [1, 2, 3, 4]) func nonblockingGathers(ranks: Int) async throws {
        try await expectPassed("nonblocking-gathers", ranks: ranks)
    }

    @Test(arguments: [1, 2, 4]) func nonblockingBarrier(ranks: Int) async throws {
        try await expectPassed("nonblocking-barrier", ranks: ranks)
    }

    @Test func abandonedRequests() async throws {
        try await expectPassed("abandoned-requests", ranks: 2)
    }

    @Test(arguments: [("unfinished-request", "bucket 42"), ("unfinished-queue", "bucket 43")])
    func droppedRequestTraps(scenario: String, name: String) async throws {
        let outcome = try await probe(scenario, ranks: 2)
        #expect(!outcome.succeeded && !outcome.timedOut, "\(outcome)")
        #expect(outcome.errors.contains("request '\(name)' was dropped unfinished"), "\(outcome)")
        #expect(!outcome.output.contains("passed"))
    }
}

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct CommunicatorTests {
    @Test(arguments: [1, 2, 3, 4]) func derived(ranks: Int) async throws {
        try await expectPassed("derived", ranks: ranks)
    }

    @Test func longOperationsGoInPieces() async throws {
        try await expectPassed("splitting", ranks: 2)
    }

    @Test func manySplitsDoNotRunOut() async throws {
        try await expectPassed("many-splits", ranks: 2)
    }

    @Test(arguments: [1, 2]) func refusedArguments(ranks: Int) async throws {
        try await expectPassed("refused-arguments", ranks: ranks)
    }
}
