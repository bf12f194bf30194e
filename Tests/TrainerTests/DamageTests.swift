import Foundation
import Runs
import TestSupport
import Testing

/// A damaged checkpoint is refused by name and the one before is used.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct DamageTests {
    private static let grid = GridShape(2, 1)

    private func damaged(_ steps: [Int], by damage: (inout Data) -> Void) async throws -> SmallRun {
        let run = try await ReferenceRuns.shared.run(on: Self.grid).copy()
        for step in steps {
            let url = URL(fileURLWithPath: run.checkpoint(step))
            var bytes = try Data(contentsOf: url)
            damage(&bytes)
            try bytes.write(to: url)
        }
        return run
    }

    private static func flipByte(_ bytes: inout Data) { bytes[bytes.count / 2] ^= 0x10 }
    private static func cutTail(_ bytes: inout Data) { bytes.removeLast(100) }

    @Test(arguments: [flipByte, cutTail])
    func theOneBeforeIsUsed(damage: @Sendable (inout Data) -> Void) async throws {
        let run = try await damaged([20], by: damage)
        let outcome = try await run.train(on: Self.grid, ["--steps", "20"])
        #expect(outcome.succeeded, "\(outcome)")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.contains { $0.contains("skipped \(run.checkpoint(20)): ") && $0.contains("damaged") }, "\(outcome)")
        #expect(outcome.output.contains("step 10 from \(run.checkpoint(10))"))
        #expect(try run.metrics().map(\.step) == Array(1...20))
        // What was there is kept aside, and the new one is whole.
        #expect(FileManager.default.fileExists(atPath: run.directory.path + "/previous-1/checkpoint-00000020.h5"))
        let whole = try await ReferenceRuns.shared.run(on: Self.grid)
        #expect(try verifiedDatasets(run.checkpoint(20)) == verifiedDatasets(whole.checkpoint(20)))
    }

    @Test func withNoneLeftTheRunIsRefused() async throws {
        let run = try await damaged([10, 20], by: Self.flipByte)
        let outcome = try await run.train(on: Self.grid, ["--steps", "20"])
        expectRefused(
            outcome, ["--resume auto: none of 2 checkpoints in \(run.directory.path) is good", run.checkpoint(20), "damaged"])
        #expect(try run.checkpointSteps() == [20, 10])
        let over = try await run.train(on: Self.grid, ["--steps", "2", "--resume", "none"])
        #expect(over.succeeded, "\(over)")
    }

    @Test func aDamagedOneThatIsAskedForIsRefused() async throws {
        let run = try await damaged([20], by: Self.flipByte)
        let outcome = try await run.train(on: Self.grid, ["--steps", "20", "--resume", run.checkpoint(20)])
        expectRefused(outcome, [run.checkpoint(20), "damaged"])
    }
}
