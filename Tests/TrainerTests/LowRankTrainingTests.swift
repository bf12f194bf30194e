import Checkpoint
import Foundation
import Runs
import TestSupport
import Testing

/// Training below full rank, from the command line to the checkpoint, with dropout on.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct LowRankTrainingTests {
    private static let tolerance = 1e-5
    private static let alone = GridShape(1, 1)
    private static let layers = 4, heads = 2, d = 32

    /// What a run kept of its Grams and spectra: four entries of each layer.
    private func spectra(_ path: String) throws -> [[Double]] {
        let reader = try CheckpointReader(path: path)
        return try (0..<Self.layers).flatMap { layer in
            try [
                ("gram", [Self.heads, 3, Self.d, Self.d]), ("score_energy", [Self.heads, Self.d]),
                ("value_energy", [Self.heads, Self.d]), ("gram_weight", []),
            ].map { name, shape in
                try reader.read(
                    "/lowrank/layer_\(layer)/\(name)", shape: shape, of: Double.self).array
            }
        }
    }

    /// Bases need not be the same to rounding, where energies are near each other; Grams and energies must.
    @Test(arguments: LowRankStrategy.reduced, [GridShape(2, 1), GridShape(1, 2), GridShape(2, 2)])
    func everyGridTrainsTheSame(strategy: LowRankStrategy, grid: GridShape) async throws {
        let reference = try await LowRankRuns.shared.run(strategy, on: Self.alone)
        let run = try await LowRankRuns.shared.run(strategy, on: grid)
        let (expected, metrics) = (try reference.metrics(), try run.metrics())
        #expect(expected.count == 12)
        let difference = largestDifference(expected, metrics)
        print("twelve steps, \(strategy.testDescription), \(grid.testDescription) against 1×1: losses differ by "
            + "\(difference) at most, relatively")
        #expect(difference <= Self.tolerance)
        #expect(metrics.map(\.score_rank) == expected.map(\.score_rank))
        #expect(metrics.map(\.value_rank) == expected.map(\.value_rank))
        let perplexities = try [metrics, expected].map { try #require($0[11].valid_perplexity) }
        #expect(abs(perplexities[0] - perplexities[1]) <= Self.tolerance * perplexities[1])
        // What a rank folds, decomposes and learns is its own; what attention executes is the batch's.
        func executed(_ line: MetricsLine) throws -> Double {
            try #require(line.attention_flops) - #require(line.upkeep_flops) - (line.policy_flops ?? 0)
                - (line.guard_flops ?? 0)
        }
        #expect(metrics.map(\.masked_share) == expected.map(\.masked_share))
        for (own, other) in zip(metrics, expected) {
            guard let reward = own.reward, let entropy = own.policy_entropy else { continue }
            #expect(try abs(reward - #require(other.reward)) < 1e-5)
            #expect(try abs(entropy - #require(other.policy_entropy)) < 1e-4)
        }
        #expect(try metrics.map(executed) == expected.map(executed))
        // Score and value bases of every head are looked at once, by whichever replica, after steps 1 and 8.
        for lines in [metrics, expected] {
            let looked = lines.map { [$0.bases_kept, $0.bases_iterated, $0.bases_decomposed].compactMap(\.self).reduce(0, +) }
            #expect(looked == (1...12).map { [1, 8].contains($0) ? Double(2 * Self.layers * Self.heads) : 0 })
        }
        let errors = zip(try spectra(run.checkpoint(12)), try spectra(reference.checkpoint(12))).map { own, other in
            zip(own, other).map { abs($0 - $1) }.max()! / other.map(abs).max()!
        }
        print("… and Grams and energies by \(errors.max() ?? .nan) of the largest")
        #expect(errors.count == 4 * Self.layers && errors.allSatisfy { $0 <= 1e-4 })
    }

    /// Shares of 3, 3 and 2 sequences count as many.
    @Test func unequalSharesHaveTheSameMeanRanks() async throws {
        let expected = try await LowRankRuns.shared.run(.random, on: Self.alone).metrics()
        let metrics = try await LowRankRuns.shared.run(.random, on: GridShape(3, 1)).metrics()
        #expect(largestDifference(expected, metrics) <= Self.tolerance)
        for (own, other) in zip(metrics, expected) {
            #expect(try abs(#require(own.score_rank) - #require(other.score_rank)) < 1e-12)
            #expect(try abs(#require(own.value_rank) - #require(other.value_rank)) < 1e-12)
        }
    }

    @Test(arguments: LowRankStrategy.reduced, [GridShape(1, 1), GridShape(2, 2)])
    func sixAndSixStepsAreTwelve(strategy: LowRankStrategy, grid: GridShape) async throws {
        let whole = try await LowRankRuns.shared.run(strategy, on: grid)
        let rest = try SmallRun()
        let outcome = try await rest.train(
            on: grid, LowRankRuns.options() + strategy.options + ["--resume", whole.checkpoint(6)])
        #expect(outcome.succeeded, "\(outcome)")
        let (expected, metrics) = (try whole.metrics().dropFirst(6), try rest.metrics())
        #expect(metrics.map(\.step) == Array(7...12))
        #expect(metrics.map(\.loss) == expected.map(\.loss))
        #expect(metrics.map(\.grad_norm) == expected.map(\.grad_norm))
        #expect(metrics.map(\.score_rank) == expected.map(\.score_rank))
        #expect(metrics.map(\.value_rank) == expected.map(\.value_rank))
        #expect(metrics.map(\.attention_flops) == expected.map(\.attention_flops))
        #expect(metrics.map(\.reward) == expected.map(\.reward))
        #expect(metrics.last?.valid_perplexity == expected.last?.valid_perplexity)
        let (first, second) = (try verifiedDatasets(whole.checkpoint(12)), try verifiedDatasets(rest.checkpoint(12)))
        #expect(first.keys.sorted() == second.keys.sorted())
        #expect(first.filter { second[$0.key] != $0.value }.keys.sorted() == [])
        #expect(first.keys.count { $0.hasPrefix("/lowrank/") } == 12 * Self.layers)
        #expect(first.keys.contains { $0.hasPrefix("/policy/") } == LowRankStrategy.learning.contains(strategy))
        #expect(first.keys.count { $0.hasPrefix("/traces/") } == 7 && first["/traces/step"]?.shape == [12])
    }

    /// The bases that a full run kept serve from the first resumed step on.
    @Test func aFullRunGoesOnReduced() async throws {
        let full = try await LowRankRuns.shared.run(.full, on: Self.alone), run = try SmallRun()
        let outcome = try await run.train(
            on: GridShape(2, 1), ["--steps", "8", "--resume", full.checkpoint(6)] + LowRankStrategy.fixed.options)
        #expect(outcome.succeeded, "\(outcome)")
        let metrics = try run.metrics(), before = try full.metrics()
        #expect(metrics.map(\.step) == [7, 8])
        #expect(metrics.map(\.score_rank) == [4, 4] && metrics.map(\.value_rank) == [8, 8])
        #expect(metrics[0].loss != before[6].loss && abs(metrics[0].loss - before[6].loss) < 0.05 * before[6].loss)
    }

    @Test func fullRankIsFullAttention() async throws {
        let full = try await LowRankRuns.shared.run(.full, on: Self.alone).metrics(), run = try SmallRun()
        let options = ["--attention", "fixed", "--level", "32:32", "--segment", "16"]
        let outcome = try await run.train(on: Self.alone, LowRankRuns.options() + options)
        #expect(outcome.succeeded, "\(outcome)")
        let difference = largestDifference(full, try run.metrics())
        print("twelve steps at level d:d against full attention: losses differ by \(difference) at most, relatively")
        #expect(difference <= Self.tolerance)
    }

    @Test(arguments: LowRankStrategy.reduced)
    func metricsSayWhatAttentionDid(strategy: LowRankStrategy) async throws {
        let metrics = try await LowRankRuns.shared.run(strategy, on: Self.alone).metrics()
        // Without bases the first step is a full one, and upkeep the only difference to full attention's count.
        #expect(metrics[0].score_rank == 32 && metrics[0].value_rank == 32)
        let first = try (flops: #require(metrics[0].attention_flops), upkeep: #require(metrics[0].upkeep_flops))
        let full = first.flops - first.upkeep
        for line in metrics {
            let flops = try #require(line.attention_flops), upkeep = try #require(line.upkeep_flops)
            let saved = try #require(line.attention_flops_saved)
            #expect(upkeep > 0 && upkeep < flops)
            let looked = [line.basis_check_flops, line.basis_iteration_flops, line.basis_decomposition_flops]
            #expect(looked.map { $0 == nil } == Array(repeating: ![1, 8].contains(line.step), count: 3))
            #expect(looked.compactMap(\.self).reduce(0, +) < upkeep)
            if line.step == 1 {
                #expect(line.bases_decomposed == Double(2 * Self.layers * Self.heads) && line.basis_decomposition_flops ?? 0 > 0)
                #expect(line.bases_kept == 0 && line.bases_iterated == 0 && line.basis_seconds ?? 0 > 0)
            }
            #expect(abs(saved - (1 - flops / full)) < 1e-12)
            if line.step == 1 { continue }
            let score = try #require(line.score_rank), value = try #require(line.value_rank)
            let agent = (line.policy_flops ?? 0) + (line.guard_flops ?? 0)
            // In so short a context most of attention is projections, which exact tokens leave whole.
            if strategy != .oracle && strategy != .near {
                #expect(flops - upkeep - agent < 0.9 * full, "fewer operations at \(score):\(value)")
            }
            if LowRankStrategy.learning.contains(strategy) {
                let reward = try #require(line.reward), entropy = try #require(line.policy_entropy)
                #expect(agent > 0 && reward < 1 && entropy > 0 && entropy < 1.7)
                #expect((line.epsilon == nil) == (strategy == .ppo))
                #expect(strategy != .ppo || line.masked_share == 0)
            }
            switch strategy {
            case .fixed: #expect(score == 4 && value == 8)
            // The mean of the list is 5.2:16, over 128 draws a step.
            case .random: #expect(score > 4.3 && score < 6.1 && value > 13.5 && value < 18.5)
            default: #expect(score >= 2 && score <= 8 && value >= 8 && value <= 32)
            }
        }
        if strategy == .random { #expect(Set(metrics.map(\.score_rank)).count > 6, "each step draws anew") }
    }

    @Test func fullAttentionHasNoRanks() async throws {
        let metrics = try await LowRankRuns.shared.run(.full, on: Self.alone).metrics()
        #expect(metrics.allSatisfy { $0.score_rank == nil && $0.attention_flops == nil && $0.upkeep_flops == nil })
    }
}
