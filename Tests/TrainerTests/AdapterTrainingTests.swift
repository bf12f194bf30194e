import Foundation
import Runs
import TestSupport
import Testing

/// Training of an adapter alone, on any grid, from the command line to the checkpoint.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct AdapterTrainingTests {
    private static let adapter = "lora:r=4,alpha=8,targets=attn.c_attn+mlp.c_proj,dropout=0.1"
    private static let options = [
        "--steps", "10", "--checkpoint-every", "5", "--lr", "0.01", "--adapter", adapter, "--dropout", "0.1",
    ]

    /// A model that a few steps have taught something, and a run of an adapter from there on one rank; once for all.
    private final class Runs: Sendable {
        let base, one: SmallRun

        init() async throws {
            base = try SmallRun()
            one = try SmallRun()
            let trained = try await base.train(on: GridShape(1, 1), ["--steps", "10"])
            #expect(trained.succeeded, "\(trained)")
            let outcome = try await one.train(on: GridShape(1, 1), try Self.from(base) + AdapterTrainingTests.options)
            #expect(outcome.succeeded && outcome.output.contains("adapter    lora:r=4"), "\(outcome)")
        }

        static func from(_ base: SmallRun) throws -> [String] { ["--init", base.checkpoint(10)] }
    }

    private static let runs = Task { try await Runs() }

    @Test(arguments: [GridShape(2, 1), GridShape(1, 2), GridShape(4, 1), GridShape(2, 2)])
    func gridsAgree(grid: GridShape) async throws {
        let runs = try await Self.runs.value, run = try SmallRun()
        let outcome = try await run.train(on: grid, try Runs.from(runs.base) + Self.options)
        #expect(outcome.succeeded, "\(outcome)")
        let (one, other) = (try runs.one.metrics(), try run.metrics())
        let difference = largestDifference(one, other)
        print("ten steps of an adapter, \(grid.testDescription) against 1×1: losses differ by \(difference) at most, relatively")
        #expect(one.count == 10 && difference <= 1e-5)
        #expect(zip(one, other).allSatisfy { abs($0.grad_norm - $1.grad_norm) <= 1e-3 * $0.grad_norm })
    }

    /// Weights as they were, A and B of every map, moments of these alone.
    @Test func aCheckpointHoldsWhatLearns() async throws {
        let runs = try await Self.runs.value
        let base = try verifiedDatasets(runs.base.checkpoint(10)), own = try verifiedDatasets(runs.one.checkpoint(10))
        let weights = base.keys.filter { $0.hasPrefix("/model/") }
        #expect(weights.count == 4 * 12 + 4)
        for name in weights { #expect(own[name] == base[name], "\(name)") }
        for kind in ["/adapter/model/", "/adapter/m/", "/adapter/v/"] {
            #expect(own.keys.count { $0.hasPrefix(kind) } == 4 * 2 * 2)
        }
        #expect(own["/adapter/model/transformer.h.3.mlp.c_proj.lora_A.weight"]?.shape == [4, 256])
        #expect(own["/adapter/config"] != nil && !own.keys.contains { $0.hasPrefix("/optimizer/") })
        let yaml = try String(contentsOfFile: runs.one.directory.configuration, encoding: .utf8)
        #expect(yaml.contains(Self.adapter), "\(yaml)")
    }

    @Test func fiveAndFiveStepsAreTen() async throws {
        let runs = try await Self.runs.value, rest = try SmallRun()
        let outcome = try await rest.train(
            on: GridShape(1, 1), try Runs.from(runs.base) + Self.options + ["--resume", runs.one.checkpoint(5)])
        #expect(outcome.succeeded && outcome.output.contains("step 5 from"), "\(outcome)")
        let (whole, own) = (Array(try runs.one.metrics()[5...]), try rest.metrics())
        #expect(whole.map(\.loss) == own.map(\.loss) && whole.map(\.grad_norm) == own.map(\.grad_norm))
        #expect(try verifiedDatasets(runs.one.checkpoint(10)) == verifiedDatasets(rest.checkpoint(10)))
        let other = try SmallRun()
        let moved = try await other.train(
            on: GridShape(1, 2), try Runs.from(runs.base) + Self.options + ["--resume", runs.one.checkpoint(5)])
        #expect(moved.succeeded, "\(moved)")
        #expect(largestDifference(whole, try other.metrics()) <= 1e-5)
    }

    /// At levels its gradients go through the folded weights; policies and dropout there are refused.
    @Test func itLearnsAtLevels() async throws {
        let runs = try await Self.runs.value, run = try SmallRun()
        let options = ["--steps", "6", "--lr", "0.01", "--adapter", "lora:r=4,targets=all", "--attention", "fixed", "--level", "8:16"]
        let outcome = try await run.train(on: GridShape(2, 1), try Runs.from(runs.base) + options)
        #expect(outcome.succeeded, "\(outcome)")
        let metrics = try run.metrics()
        #expect(metrics.count == 6 && metrics.allSatisfy { $0.loss.isFinite })
        #expect(metrics[5].score_rank == 8)
    }

    @Test(arguments: [
        (["--adapter", "lora:r=0"], ["--adapter lora:r=0", "r is 0"]),
        (["--adapter", "ia3"], ["--adapter ia3", "ia3", "lora:r=8"]),
        (["--adapter", "lora:targets=q_proj"], ["target q_proj", "attn.c_attn"]),
        (["--adapter", "lora:targets=wte"], ["target wte", "embedding"]),
        (["--adapter", "lora:r=65"], ["r is 65", "at most 64"]),
        (["--adapter", "lora:size=3"], ["size=3", "r, alpha"]),
        (["--adapter", "lora", "--attention", "policy"], ["--adapter", "--attention policy", "drrl merge"]),
        (["--adapter", "lora:dropout=0.1", "--attention", "fixed", "--level", "8:16"], ["dropout=0.1", "use dropout=0"]),
    ])
    func badInputIsNamed(options: [String], named: [String]) async throws {
        let run = try SmallRun(), outcome = try await run.trainAlone(["--steps", "2"] + options)
        expectRefused(outcome, named)
        #expect(!FileManager.default.fileExists(atPath: run.directory.path))
    }

    /// A run goes on with the adapter that it had, and with no other.
    @Test func anotherAdapterIsRefused() async throws {
        let runs = try await Self.runs.value
        for adapter in [["--adapter", "lora:r=8"], []] {
            let run = try SmallRun()
            let outcome = try await run.trainAlone(["--steps", "12", "--resume", runs.one.checkpoint(10)] + adapter)
            expectRefused(outcome, ["checkpoint-00000010.h5", "--adapter lora:r=4", "--resume none"])
        }
    }
}
