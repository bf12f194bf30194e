import Runs
import TestSupport
import Testing

/// Training with Performer and Nyström attention, from the command line to the checkpoint, with dropout on.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct KernelisedTrainingTests {
    private static let alone = GridShape(1, 1)

    @Test(arguments: LowRankStrategy.kernelised, [GridShape(2, 1), GridShape(1, 2)])
    func everyGridTrainsTheSame(strategy: LowRankStrategy, grid: GridShape) async throws {
        let expected = try await LowRankRuns.shared.run(strategy, on: Self.alone).metrics()
        let metrics = try await LowRankRuns.shared.run(strategy, on: grid).metrics()
        #expect(expected.count == 12)
        #expect(largestDifference(expected, metrics) <= 1e-5)
        let perplexities = try [metrics, expected].map { try #require($0[11].valid_perplexity) }
        #expect(abs(perplexities[0] - perplexities[1]) <= 1e-5 * perplexities[1])
        func executed(_ line: MetricsLine) throws -> Double {
            try #require(line.attention_flops) - #require(line.upkeep_flops)
        }
        #expect(try metrics.map(executed) == expected.map(executed))
    }

    @Test(arguments: LowRankStrategy.kernelised)
    func itLearnsAndSaysWhatItExecuted(strategy: LowRankStrategy) async throws {
        let metrics = try await LowRankRuns.shared.run(strategy, on: Self.alone).metrics()
        let full = try await LowRankRuns.shared.run(.full, on: Self.alone).metrics()
        #expect(metrics[11].loss < metrics[0].loss - 0.5)
        #expect(metrics[0].loss != full[0].loss && abs(metrics[0].loss - full[0].loss) < 0.01 * full[0].loss)
        for line in metrics {
            // Nothing names a rank.
            #expect(line.score_rank == nil && line.value_rank == nil)
            let flops = try #require(line.attention_flops), upkeep = try #require(line.upkeep_flops)
            let saved = try #require(line.attention_flops_saved)
            // What full attention executes on 8 sequences of 64 tokens, 4 layers of width 64, forward and backward: 3 times
            // 4 projections, and 7 products with scores in blocks of 12 rows, the last of 4.
            let scores = 12 * (12 + 24 + 36 + 48 + 60) + 4 * 64
            let whole = 8 * 4 * 2 * 64 * (3 * 4 * 64 * 64 + 7 * scores)
            #expect(abs(saved - (1 - flops / Double(whole))) < 1e-12)
            #expect(upkeep > 0 && upkeep < flops)
        }
    }

    @Test(arguments: LowRankStrategy.kernelised) func sixAndSixStepsAreTwelve(strategy: LowRankStrategy) async throws {
        let whole = try await LowRankRuns.shared.run(strategy, on: Self.alone), rest = try SmallRun()
        let outcome = try await rest.train(
            on: Self.alone, LowRankRuns.options() + strategy.options + ["--resume", whole.checkpoint(6)])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("attention  \(strategy.testDescription), "), "\(outcome)")
        let (expected, metrics) = (try whole.metrics().dropFirst(6), try rest.metrics())
        #expect(metrics.map(\.loss) == expected.map(\.loss))
        #expect(metrics.last?.valid_perplexity == expected.last?.valid_perplexity)
        #expect(try verifiedDatasets(whole.checkpoint(12)) == verifiedDatasets(rest.checkpoint(12)))
    }

    /// Grams are kept all the same.
    @Test func aPerformerRunGoesOnReduced() async throws {
        let whole = try await LowRankRuns.shared.run(.performer, on: Self.alone), run = try SmallRun()
        let outcome = try await run.train(
            on: Self.alone, ["--steps", "7", "--resume", whole.checkpoint(6)] + LowRankStrategy.fixed.options)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(try run.metrics().map(\.score_rank) == [4])
    }
}
