import Runs
import TestSupport
import Testing

/// `--precision bf16`: other sums, the same guarantees.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct PrecisionTrainingTests {
    private static let options = ["--precision", "bf16", "--steps", "12", "--checkpoint-every", "6"]

    private func train(on grid: GridShape, _ more: [String] = []) async throws -> SmallRun {
        let run = try SmallRun()
        let outcome = try await run.train(on: grid, Self.options + more)
        #expect(outcome.succeeded && outcome.output.contains("precision  bf16"), "\(outcome)")
        return run
    }

    @Test func gridsTrainTheSameAndResumeToTheBit() async throws {
        let whole = try await train(on: GridShape(1, 1)), expected = try whole.metrics()
        #expect(expected[11].loss < expected[0].loss - 0.3)
        let exact = try await ReferenceRuns.shared.run(on: GridShape(1, 1)).metrics()
        let rounding = largestDifference(Array(exact[..<6]), Array(expected[..<6]))
        #expect(rounding > 1e-7 && rounding < 1e-2, "it is bf16, and near float32: \(rounding)")

        for (grid, more) in [(GridShape(2, 2), []), (GridShape(1, 1), ["--threads", "2", "--micro-batch", "3"])] {
            let difference = largestDifference(expected, try await train(on: grid, more).metrics())
            print("twelve steps in bf16, \(grid) \(more) against 1×1: losses differ by \(difference) at most, relatively")
            #expect(difference < 1e-4)
        }

        let rest = try await train(on: GridShape(1, 1), ["--resume", whole.checkpoint(6)])
        #expect(try rest.metrics().map(\.loss) == expected[6...].map(\.loss))
    }

    @Test func aCheckpointSaysWhatItWasTrainedIn() async throws {
        let rounded = try await train(on: GridShape(1, 1))
        func goOn(_ options: [String]) async throws -> String {
            let run = try SmallRun()
            let outcome = try await run.train(
                on: GridShape(1, 1), ["--steps", "8", "--resume", rounded.checkpoint(6)] + options)
            #expect(outcome.succeeded, "\(outcome)")
            return outcome.output
        }
        #expect(try await goOn([]).contains("note: --precision bf16 → float32"))
        #expect(try await !goOn(["--precision", "bf16"]).contains("multiplied"))
    }

    @Test func levelsArePickedInBF16Too() async throws {
        let run = try await train(on: GridShape(2, 1), ["--attention", "policy", "--segment", "16"])
        let metrics = try run.metrics()
        #expect(metrics[11].loss < metrics[0].loss - 0.3 && metrics[11].score_rank != nil)
    }
}
