import TestSupport
import Testing

/// Twenty steps without a stop, checkpoints at 10 and 20, once for each grid that a test asks for.
actor ReferenceRuns {
    static let shared = ReferenceRuns()
    static let options = ["--steps", "20", "--checkpoint-every", "10"]

    private var runs: [GridShape: Task<SmallRun, any Error>] = [:]

    func run(on grid: GridShape) async throws -> SmallRun {
        let task = runs[grid] ?? Task {
            let run = try SmallRun()
            let outcome = try await run.train(on: grid, Self.options)
            guard outcome.succeeded else { throw SupportError("\(grid.testDescription): \(outcome)") }
            return run
        }
        runs[grid] = task
        return try await task.value
    }
}
