import Foundation
import Runs
import TestSupport
import Testing

/// Weights that give no finite loss never take the place of a checkpoint that does.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct DivergenceTests {
    private static let absurd = ["--lr", "1e38", "--min-lr", "1e38", "--warmup", "0", "--checkpoint-every", "1", "--keep", "1"]

    @Test(arguments: [GridShape(1, 1), GridShape(2, 2)])
    func theLastGoodCheckpointStaysAndIsNamed(grid: GridShape) async throws {
        let run = try SmallRun()
        #expect(try await run.train(on: grid, ["--steps", "3", "--keep", "1"]).succeeded)
        let outcome = try await run.train(on: grid, ["--steps", "9"] + Self.absurd)
        expectRefused(outcome, ["is not finite", "start again to go on from \(run.checkpoint(3)), with a lower --lr"], code: 1)
        #expect(try run.checkpointSteps() == [3])
        let again = try await run.train(on: grid, ["--steps", "5"])
        #expect(again.succeeded && again.output.contains("step 3 from \(run.checkpoint(3))"), "\(again)")
        #expect(try run.metrics().map(\.step) == Array(1...5))
    }

    /// The weights are finite and their loss is not: known one step later, so until then the older checkpoint stays.
    @Test func weightsWhoseLossIsNotFiniteAreRetired() async throws {
        let run = try SmallRun()
        #expect(try await run.trainAlone(["--steps", "3", "--keep", "1"]).succeeded)
        let outcome = try await run.trainAlone(
            ["--steps", "9", "--lr", "1e19", "--min-lr", "1e19", "--warmup", "0", "--checkpoint-every", "1", "--keep", "1"])
        expectRefused(
            outcome, ["step 5: ", "nothing was updated", "are now \(run.checkpoint(4)).diverged", run.checkpoint(3)], code: 1)
        #expect(try run.checkpointSteps() == [3])
        #expect(FileManager.default.fileExists(atPath: run.checkpoint(4) + ".diverged"))
    }

    @Test func withNoCheckpointThatIsSaid() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(["--steps", "2"] + Self.absurd)
        expectRefused(outcome, ["step 1: ", "not finite", "no checkpoint is left to go on from: start over"], code: 1)
        #expect(try run.checkpointSteps() == [])
    }

    @Test func aHeldOutLossThatIsNotFiniteIsCalledThat() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(
            ["--steps", "2", "--valid", SmallRun.textPath(), "--eval-every", "1", "--checkpoint-every", "0"]
                + ["--lr", "1e19", "--min-lr", "1e19", "--warmup", "0"])
        expectRefused(outcome, ["step 1: the loss of the held-out text is not finite"], code: 1)
        let text = try String(contentsOfFile: run.directory.metrics, encoding: .utf8)
        #expect(text.contains(#""valid_perplexity":null"#), "\(text)")
    }

    /// There is nothing else to go on from, so it keeps its name.
    @Test func theOnlyCheckpointStays() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(
            ["--steps", "9", "--lr", "1e19", "--min-lr", "1e19", "--warmup", "0", "--checkpoint-every", "1"])
        expectRefused(outcome, ["step 2: ", "nothing was updated", "\(run.checkpoint(1)), the only checkpoint, leads there"], code: 1)
        #expect(try run.checkpointSteps() == [1])
    }

    /// Until a step has shown that it serves, a checkpoint stands beside the one before; then `--keep` holds again.
    @Test func keepHoldsAtTheEnd() async throws {
        let run = try SmallRun()
        #expect(try await run.trainAlone(["--steps", "7", "--checkpoint-every", "2", "--keep", "2"]).succeeded)
        #expect(try run.checkpointSteps() == [7, 6])
    }
}
