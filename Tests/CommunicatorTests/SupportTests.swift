import Foundation
import TestSupport
import Testing

/// What the tests themselves stand on: a hanging program is ended and told of.
struct SupportTests {
    private let shell = URL(fileURLWithPath: "/bin/sh")

    @Test func outcome() async throws {
        let outcome = try await run(
            shell, ["-c", "echo $WORD; echo $0 >&2; exit 7", "name"], environment: ["WORD": "said"])
        #expect(outcome.status == 7 && !outcome.succeeded && !outcome.timedOut)
        #expect(outcome.output == "said\n")
        #expect(outcome.errors == "name\n")
    }

    @Test func signalled() async throws {
        let outcome = try await run(shell, ["-c", "kill -9 $$"])
        #expect(outcome.status == nil && outcome.signal == SIGKILL && !outcome.succeeded)
    }

    @Test func hanging() async throws {
        let outcome = try await run(shell, ["-c", "exec sleep 600"], timeout: 0.1)
        #expect(outcome.timedOut && !outcome.succeeded && outcome.signal == SIGTERM)
    }

    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
    func hangingJob() async throws {
        let outcome = try await mpirun(ranks: 2, shell, ["-c", "exec sleep 600"], timeout: 1)
        #expect(outcome.timedOut && !outcome.succeeded)
    }

    @Test func missingProgram() async throws {
        #expect(throws: SupportError.self) { try BuiltProduct.url(named: "no-such-program") }
        await #expect(throws: (any Error).self) {
            _ = try await run(URL(fileURLWithPath: "/no/such/program"))
        }
    }
}
