import Foundation
import TestSupport
import Testing

/// A way to attend, as a run's options.
struct LowRankStrategy: Hashable, Sendable, CustomTestStringConvertible {
    let testDescription: String
    let options: [String]

    private init(_ name: String, _ options: String...) {
        testDescription = name
        self.options = ["--attention", name, "--segment", "16"] + options
    }

    /// The small model's heads have width 32.
    static let fixed = LowRankStrategy("fixed", "--level", "4:8", "--exact-recent", "off")
    static let random = LowRankStrategy("random", "--levels", "2:8,4:8,4:16,8:16,8:32", "--exact-recent", "off")
    static let energy = LowRankStrategy("energy", "--energy", "0.8", "--exact-recent", "off")
    /// Near and first keys exact.
    static let near = LowRankStrategy(
        "random", "--levels", "2:8,4:16,8:32", "--exact-recent", "0", "--exact-first", "2")
    // With the default ε₀ the guard would leave a model so young the largest level alone.
    static let policy = LowRankStrategy(
        "policy", "--levels", "2:8,4:8,4:16,8:16,8:32", "--beta", "0.5", "--epsilon", "0.8")
    static let ppo = LowRankStrategy(
        "policy", "--levels", "2:8,8:32", "--policy-update", "ppo", "--warm-start", "3", "--guard", "off")
    static let oracle = LowRankStrategy("oracle", "--levels", "2:8,4:16,8:32", "--beta", "0.5")
    static let full = LowRankStrategy("full")
    static let reduced = [fixed, random, energy, near, policy, ppo, oracle]
    static let learning = [policy, ppo]
    static let performer = LowRankStrategy("performer", "--features", "24")
    static let nystrom = LowRankStrategy("nystrom", "--landmarks", "4")
    static let kernelised = [performer, nystrom]
}

/// Twelve steps without a stop, checkpoints at 6 and 12, an evaluation at the end, once for each strategy
/// and grid that a test asks for. Bases are looked at after steps 1 and 8, so a run that goes on from step 6 must have
/// brought the Grams too.
actor LowRankRuns {
    static let shared = LowRankRuns()
    static func options() throws -> [String] {
        try ["--steps", "12", "--checkpoint-every", "6", "--lr", "0.004", "--valid", SmallRun.textPath()]
    }

    private struct Key: Hashable {
        let strategy: LowRankStrategy
        let grid: GridShape
    }

    private var runs: [Key: Task<SmallRun, any Error>] = [:]

    func run(_ strategy: LowRankStrategy, on grid: GridShape) async throws -> SmallRun {
        let key = Key(strategy: strategy, grid: grid)
        let task = runs[key] ?? Task {
            let run = try SmallRun()
            let outcome = try await run.train(on: grid, Self.options() + strategy.options)
            guard outcome.succeeded else { throw SupportError("\(grid.testDescription): \(outcome)") }
            return run
        }
        runs[key] = task
        return try await task.value
    }
}
