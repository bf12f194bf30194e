import Foundation
import Runs
import TestSupport
import Testing

/// A newest checkpoint that cannot be opened for the moment is not damaged: the run waits for a person, not for chance.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct UnavailableCheckpointTests {
    @Test func aLockedOneIsRefusedByName() async throws {
        let run = try await ReferenceRuns.shared.run(on: GridShape(1, 1)).copy()
        let before = try run.files()
        let descriptor = open(run.checkpoint(20), O_RDONLY)
        #expect(flock(descriptor, LOCK_EX) == 0)
        let outcome = try await run.trainAlone(["--steps", "22"])
        close(descriptor)
        expectRefused(outcome, [run.checkpoint(20), "locked by another process", "start again"])
        #expect(try run.files() == before)
        let again = try await run.trainAlone(["--steps", "22"])
        #expect(again.succeeded && again.output.contains("step 20 from"), "\(again)")
    }

    /// A directory in its place stands for all that the system refuses; root may read every file.
    @Test func oneThatCannotBeOpenedIsRefusedByName() async throws {
        let run = try await ReferenceRuns.shared.run(on: GridShape(1, 1)).copy()
        try FileManager.default.removeItem(atPath: run.checkpoint(20))
        try FileManager.default.createSymbolicLink(
            atPath: run.checkpoint(20), withDestinationPath: run.scratch.path + "/unmounted/checkpoint.h5")
        let outcome = try await run.trainAlone(["--steps", "22"])
        expectRefused(outcome, ["cannot open \(run.checkpoint(20))", "No such file", "check the path"])
        #expect(try run.metrics().count == 20)
    }
}
