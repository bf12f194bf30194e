import Foundation
import Runs
import TestSupport
import Testing

/// A run that stopped and went on is the run that never stopped: with dropout on, in the middle of an epoch, and from
/// a process that begins with other weights, so that a load that does nothing cannot pass.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct ResumeTests {
    /// Loss, rate and gradient norm to the last bit; times differ.
    private func expectSame(_ a: [MetricsLine], _ b: [MetricsLine]) {
        #expect(a.map(\.step) == b.map(\.step))
        #expect(a.map(\.loss) == b.map(\.loss))
        #expect(a.map(\.grad_norm) == b.map(\.grad_norm))
        #expect(a.map(\.lr) == b.map(\.lr))
    }

    private func expectSameCheckpoint(_ a: String, _ b: String) throws {
        let (first, second) = (try verifiedDatasets(a), try verifiedDatasets(b))
        #expect(first.keys.sorted() == second.keys.sorted())
        for (name, dataset) in first { #expect(second[name] == dataset, "\(name)") }
        for kind in ["/model/", "/optimizer/m/", "/optimizer/v/"] {
            #expect(first.keys.count { $0.hasPrefix(kind) } == 4 * 12 + 4)
        }
    }

    @Test(arguments: [GridShape(1, 1), GridShape(2, 2)])
    func tenAndTenStepsAreTwenty(grid: GridShape) async throws {
        let whole = try await ReferenceRuns.shared.run(on: grid)
        let rest = try SmallRun()
        let outcome = try await rest.train(on: grid, ReferenceRuns.options + ["--resume", whole.checkpoint(10)])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("step 10 from \(whole.checkpoint(10))"), "\(outcome)")
        try expectSame(Array(whole.metrics()[10...]), rest.metrics())
        try expectSameCheckpoint(whole.checkpoint(20), rest.checkpoint(20))
    }

    /// Wherever the signal finds it, and in the same run directory.
    @Test(arguments: [GridShape(1, 1), GridShape(2, 2)])
    func aRunThatASignalStoppedGoesOn(grid: GridShape) async throws {
        let whole = try await ReferenceRuns.shared.run(on: grid)
        let run = try SmallRun()
        let options = ["--steps", "20", "--checkpoint-every", "0"]
        let stopped = try await run.train(on: grid, options) { command in
            // Well before the first step: the signal is noted, and obeyed after it.
            try command.wait(for: "start") { command.output.contains("grid ") }
            command.send(signal: SIGUSR1)
        }
        #expect(stopped.succeeded, "\(stopped)")
        let step = try #require(run.checkpointSteps().first)
        #expect(stopped.output.contains("stopped    at step \(step)") && step < 20, "\(stopped)")
        let resumed = try await run.train(on: grid, options)
        #expect(resumed.succeeded, "\(resumed)")
        try expectSame(whole.metrics(), run.metrics())
        try expectSameCheckpoint(whole.checkpoint(20), run.checkpoint(20))
    }

    @Test(arguments: [GridShape(1, 1), GridShape(4, 1), GridShape(1, 4)])
    func aCheckpointResumesOnAnyGrid(grid: GridShape) async throws {
        let whole = try await ReferenceRuns.shared.run(on: GridShape(2, 2))
        let rest = try SmallRun()
        let outcome = try await rest.train(on: grid, ["--steps", "20", "--resume", whole.checkpoint(10)])
        #expect(outcome.succeeded, "\(outcome)")
        let difference = largestDifference(Array(try whole.metrics()[10...]), try rest.metrics())
        print("from 2×2 to \(grid.testDescription): losses differ by \(difference) at most, relatively")
        #expect(difference <= 1e-5)
    }

    @Test func aFinishedRunIsLeftAlone() async throws {
        let run = try await ReferenceRuns.shared.run(on: GridShape(1, 1)).copy()
        let before = try Data(contentsOf: URL(fileURLWithPath: run.checkpoint(20)))
        let outcome = try await run.train(on: GridShape(2, 1), ReferenceRuns.options)
        #expect(outcome.succeeded && outcome.output.contains("step 20 of 20 was reached before"), "\(outcome)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: run.checkpoint(20))) == before)
        #expect(try run.metrics().count == 20)
    }

    @Test func aRunStartedOverSetsTheOldOneAside() async throws {
        let run = try await ReferenceRuns.shared.run(on: GridShape(1, 1)).copy()
        let outcome = try await run.train(on: GridShape(1, 1), ["--steps", "2", "--resume", "none"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(try run.metrics().map(\.step) == [1, 2])
        #expect(try run.checkpointSteps() == [2])
        let aside = try FileManager.default.contentsOfDirectory(atPath: run.directory.path + "/previous-1").sorted()
        #expect(aside == ["checkpoint-00000010.h5", "checkpoint-00000020.h5", "metrics.jsonl"])
    }
}
