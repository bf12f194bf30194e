import Foundation
import Runs
import TestSupport
import Testing

/// Who reads what the trainer prints, and whether anybody does, is no reason to lose a run.
@Suite(.serialized) struct OutputTests {
    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed"), arguments: ["", "mpirun --oversubscribe -n 2 "])
    func aReaderThatGoesAwayLosesNothing(launcher: String) async throws {
        let run = try SmallRun()
        let outcome = try await bash(
            "\(launcher)\"$T\" \(run.words(["--steps", "40"])) 2>/dev/null | head -1", in: run.scratch.path)
        #expect(outcome.output.split(separator: "\n").count == 1, "\(outcome)")
        // mpirun itself ends the job where it cannot pass output on, if it is not done by then; ranks save before they go.
        let steps = try run.metrics().count
        #expect(launcher.isEmpty ? steps == 40 : steps >= 1)
        #expect(try run.checkpointSteps() == [steps])
    }

    @Test(arguments: ["> /dev/full", ">&-"])
    func trainingGoesOnWhereNothingCanBePrinted(redirection: String) async throws {
        let run = try SmallRun()
        let outcome = try await bash("\"$T\" \(run.words(["--steps", "4"])) \(redirection)", in: run.scratch.path)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(try run.checkpointSteps() == [4] && verifiedDatasets(run.checkpoint(4)).count > 10)
    }

    @Test func helpThatCannotBeShownIsAFailure() async throws {
        let outcome = try await bash("\"$T\" --help > /dev/full", in: "/")
        expectRefused(outcome, ["standard output cannot be written", "No space left"])
    }
}
