import Foundation
import Runs
import TestSupport
import Testing

/// Paths mean what the system says they mean.
@Suite(.serialized) struct PathTests {
    private func files(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path + "/metrics.jsonl") }

    @Test func aLinkIsFollowedBeforeItsParentIsTaken() async throws {
        let run = try SmallRun(), at = run.scratch.path
        let outcome = try await bash(
            "mkdir -p far/inner near/run && ln -s ../far/inner near/link && \"$T\" "
                + run.words(["--steps", "1", "--run-dir", "near/link/../run"]), in: at)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(files(at + "/far/run") && !files(at + "/near/run"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: at + "/near/run").isEmpty)
    }

    @Test func aTildeIsAName() async throws {
        let run = try SmallRun(), at = run.scratch.path
        let refused = try await bash("HOME=$PWD/home \"$T\" " + run.words(["--steps", "1", "--run-dir=~/x"]), in: at)
        expectRefused(refused, ["--run-dir ~/x", "did not expand ~"])
        let taken = try await bash("mkdir '~' && \"$T\" " + run.words(["--steps", "1", "--run-dir", "~/run"]), in: at)
        #expect(taken.succeeded && files(at + "/~/run"), "\(taken)")
    }

    @Test func aNameThatIsNoUTF8IsRefused() async throws {
        let run = try SmallRun()
        let outcome = try await bash("\"$T\" " + run.words(["--steps", "1"]) + " --run-dir $'l\\xe9'", in: run.scratch.path)
        expectRefused(outcome, ["is not UTF-8", "rename"])
    }

    @Test func aRunThatWasMovedGoesOnWhereItIs() async throws {
        let run = try SmallRun(), at = run.scratch.path
        let outcome = try await bash(
            "\"$T\" \(run.words(["--steps", "2"])) && mv run archive && \"$T\" --config archive/run.yaml --steps 3", in: at)
        #expect(outcome.succeeded && outcome.output.contains("step 2 from archive/checkpoint-00000002.h5"), "\(outcome)")
        #expect(!FileManager.default.fileExists(atPath: run.directory.path))
    }

    @Test func aConfigurationMayComeThroughAPipe() async throws {
        let run = try SmallRun()
        let outcome = try await bash("\"$T\" \(run.words([])) --config <(echo 'steps: 3')", in: run.scratch.path)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(try run.metrics().count == 3)
        let both = try await bash(
            "echo 'steps: 4' | mpirun --oversubscribe -n 2 \"$T\" \(run.words([])) --config /dev/stdin", in: run.scratch.path)
        #expect(both.succeeded, "\(both)")
        #expect(try run.metrics().count == 4)
    }
}
