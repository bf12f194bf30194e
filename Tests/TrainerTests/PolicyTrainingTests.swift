import Checkpoint
import Foundation
import Runs
import TestSupport
import Testing

/// The policy over a run's life: on weights that stay, on checkpoints of before, with other levels.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct PolicyTrainingTests {
    private static let alone = GridShape(1, 1)

    private func dataset(_ name: String, _ path: String) throws -> [Float] {
        let reader = try CheckpointReader(path: path)
        let shape = reader.description(of: name)?.shape ?? []
        return try reader.read(name, shape: shape, of: Float.self).array
    }

    /// A full run's model and bases serve a policy that learns alone; the weights stay as they are, bit for bit.
    @Test func aPolicyLearnsOnAFrozenModel() async throws {
        let full = try await LowRankRuns.shared.run(.full, on: Self.alone), run = try SmallRun()
        let outcome = try await run.train(
            on: GridShape(2, 2),
            ["--steps", "10", "--resume", full.checkpoint(6), "--new-policy", "--freeze"] + LowRankStrategy.policy.options)
        #expect(outcome.succeeded, "\(outcome)")
        let metrics = try run.metrics()
        #expect(metrics.map(\.step) == [7, 8, 9, 10])
        #expect(metrics.allSatisfy { $0.grad_norm == 0 && $0.lr == 0 && $0.reward != nil })
        for name in ["transformer.wte.weight", "transformer.h.2.attn.c_attn.weight", "transformer.ln_f.bias"] {
            let (before, after) = try (
                dataset("/model/" + name, full.checkpoint(6)), dataset("/model/" + name, run.checkpoint(10)))
            #expect(before == after)
        }
        #expect(try dataset("/policy/progress", run.checkpoint(10)) == [4, 4])
        let yaml = try String(contentsOfFile: run.directory.configuration, encoding: .utf8)
        #expect(yaml.contains("freeze: true") && yaml.contains("attention: policy"))
        // The same command goes on from what it left.
        let more = try await run.train(
            on: Self.alone, ["--steps", "12", "--new-policy", "--freeze"] + LowRankStrategy.policy.options)
        #expect(more.succeeded, "\(more)")
        #expect(try dataset("/policy/progress", run.checkpoint(12)) == [6, 6])
    }

    @Test func withoutAPolicyOneIsAskedFor() async throws {
        let full = try await LowRankRuns.shared.run(.full, on: Self.alone), run = try SmallRun()
        let outcome = try await run.train(
            on: GridShape(2, 1), ["--steps", "8", "--resume", full.checkpoint(6)] + LowRankStrategy.policy.options)
        expectRefused(outcome, ["holds no policy", "--new-policy"])
    }

    @Test(arguments: [
        (["--levels", "2:8,8:32"], ["levels 2:8,4:8,4:16,8:16,8:32", "--levels 2:8,4:8,4:16,8:16,8:32", "--new-policy"]),
        (["--segment", "32"], ["segments of 16 tokens", "--segment 16", "--new-policy"]),
    ]) func anotherListOfLevelsIsRefused(options: [String], named: [String]) async throws {
        let whole = try await LowRankRuns.shared.run(.policy, on: Self.alone), run = try SmallRun()
        let outcome = try await run.train(
            on: Self.alone,
            ["--steps", "8", "--resume", whole.checkpoint(6)] + LowRankStrategy.policy.options + options)
        expectRefused(outcome, named)
        let anew = try await run.train(
            on: Self.alone,
            ["--steps", "8", "--resume", whole.checkpoint(6), "--new-policy"] + LowRankStrategy.policy.options + options)
        #expect(anew.succeeded, "\(anew)")
        #expect(try dataset("/policy/progress", run.checkpoint(8)) == [2, 2])
    }

    /// The policy's own seed decides its weights and draws, and nothing else.
    @Test func thePolicyHasASeedOfItsOwn() async throws {
        let runs = try [SmallRun(), SmallRun()]
        for (run, seed) in zip(runs, ["5", "6"]) {
            let outcome = try await run.train(
                on: Self.alone, ["--steps", "2", "--policy-seed", seed] + LowRankStrategy.policy.options)
            #expect(outcome.succeeded, "\(outcome)")
        }
        let metrics = try runs.map { try $0.metrics() }
        #expect(metrics[0][0].loss == metrics[1][0].loss)
        #expect(metrics[0][1].score_rank != metrics[1][1].score_rank)
    }
}
