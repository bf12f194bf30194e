import Options
import Runs
import TestSupport
import Testing

/// Nothing depends on the grid but speed.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct GridTests {
    private static let tolerance = 1e-5

    private func compare(_ run: SmallRun, _ name: String) async throws {
        let reference = try await ReferenceRuns.shared.run(on: GridShape(1, 1)).metrics()
        let metrics = try run.metrics()
        #expect(reference.count == 20)
        let difference = largestDifference(reference, metrics)
        print("twenty steps, \(name) against 1×1: losses differ by \(difference) at most, relatively")
        #expect(difference <= Self.tolerance, "\(name)")
        #expect(zip(reference, metrics).allSatisfy { abs($0.grad_norm - $1.grad_norm) <= 1e-3 * $0.grad_norm })
    }

    @Test func theLossFalls() async throws {
        let losses = try await ReferenceRuns.shared.run(on: GridShape(1, 1)).metrics().map(\.loss)
        #expect(losses[0] > 6 && losses[19] < losses[0] - 0.5)
    }

    @Test(arguments: [GridShape(2, 1), GridShape(4, 1), GridShape(1, 2), GridShape(2, 2), GridShape(2, 4), GridShape(3, 1)])
    func everyGridTrainsTheSame(grid: GridShape) async throws {
        try await compare(ReferenceRuns.shared.run(on: grid), grid.testDescription)
    }

    @Test(arguments: [
        (GridShape(1, 1), "--micro-batch", "1"), (GridShape(1, 1), "--micro-batch", "3"),
        (GridShape(1, 1), "--threads", "2"), (GridShape(2, 2), "--micro-batch", "3"), (GridShape(1, 4), "--micro-batch", "2"),
        // Small enough for the token embedding's gradient to go in two parts; shares of 2, 3 and 3 sequences.
        (GridShape(3, 1), "--micro-batch", "1"),
    ])
    func howTheWorkIsCutChangesNothing(grid: GridShape, option: String, value: String) async throws {
        let run = try SmallRun()
        let outcome = try await run.train(on: grid, ["--steps", "20", option, value])
        #expect(outcome.succeeded, "\(outcome)")
        try await compare(run, "\(grid.testDescription) with \(option) \(value)")
    }
}
