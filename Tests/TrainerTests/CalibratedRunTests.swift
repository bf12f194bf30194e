import Checkpoint
import Corpus
import Foundation
import Runs
import TestSupport
import Testing

/// Runs that start from a model that `drrl calibrate` has looked at: they train through its levels.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct CalibratedRunTests {
    private static let layers = 4

    /// A model of the Llama family, imported and calibrated in segments of 16 tokens; removed with the value.
    private struct Model {
        let scratch: Scratch
        let imported, path: String

        init() async throws {
            scratch = try Scratch()
            (imported, path) = (scratch.path + "/imported.h5", scratch.path + "/calibrated.h5")
            let text = try Text(bytes: EmbeddedCorpus(seed: 7, byteCount: 16_000).bytes(), name: "t", kind: .wikiTextTokens)
            try RandomModel().write(to: scratch.path + "/model", text: text)
            for arguments in [
                ["import", scratch.path + "/model", "--to", imported],
                ["calibrate", "--checkpoint", imported, "--text", try SmallRun.textPath(), "--to", path, "--threads", "1",
                 "--segment", "16", "--exact-recent", "0", "--exact-first", "2", "--look-every", "2", "--windows", "4"],
            ] {
                let outcome = try await run(BuiltProduct.url(named: "drrl"), arguments, environment: MPIRun.environment)
                #expect(outcome.succeeded, "\(outcome)")
            }
        }
    }

    static let forecast = ["--attention", "forecast", "--flops-budget", "1.5"]
    static let allocated = ["--attention", "allocated", "--flops-budget", "0.8"]

    private func train(_ model: String, on grid: GridShape, in run: SmallRun, _ options: [String]) async throws -> Outcome {
        try await mpirun(
            ranks: grid.ranks, BuiltProduct.url(named: "drrl-train"),
            ["--init", model, "--batch", "8", "--threads", "1", "--train", SmallRun.textPath(), "--run-dir", run.directory.path,
             "--dropout", "0.1", "--layer-shards", "\(grid.stages)", "--eval-every", "0", "--lr", "0.003",
             "--schedule-steps", "6"] + options)
    }

    private func trained(_ model: Model, on grid: GridShape, _ options: [String], in run: SmallRun) async throws -> [MetricsLine] {
        let outcome = try await train(model.path, on: grid, in: run, options)
        #expect(outcome.succeeded, "\(outcome)")
        return try run.metrics()
    }

    /// From the first step on; replicas and stages alike; and what was measured goes into every checkpoint, from which
    /// `drrl evaluate` names the same levels.
    @Test(arguments: [allocated, forecast], [["--bases", "fixed"], ["--bases", "tracked"]])
    func everyGridTrainsThroughLevels(attention: [String], bases: [String]) async throws {
        let model = try await Model(), options = attention + bases + ["--steps", "6"], one = try SmallRun()
        let expected = try await trained(model, on: GridShape(1, 1), options, in: one)
        #expect(expected.allSatisfy { ($0.score_rank ?? 12) < 12 } && expected[5].loss < expected[0].loss)
        for grid in [GridShape(2, 1), GridShape(1, 2), GridShape(2, 2)] {
            let run = try SmallRun(), metrics = try await trained(model, on: grid, options, in: run)
            // A token's level may turn where two cost the same to rounding.
            #expect(largestDifference(expected, metrics) <= (attention == Self.forecast ? 1e-4 : 1e-5), "\(grid.testDescription)")
        }
        let before = try verifiedDatasets(model.path), after = try verifiedDatasets(one.checkpoint(6))
        for name in before.keys where name.hasPrefix("/forecast/") || name.hasPrefix("/lowrank/measured") {
            #expect(after[name] == before[name], "\(name)")
        }
        for name in before.keys where name.hasPrefix("/lowrank/layer_") {
            // Tracked, Grams of gradients move on too; bases are kept while they serve.
            if bases.last == "fixed" { #expect(after[name] == before[name], "\(name)") }
            if bases.last == "tracked", name.contains("gram") { #expect(after[name] != before[name], "\(name)") }
        }
        let evaluated = try await run(
            BuiltProduct.url(named: "drrl"),
            ["evaluate", "--checkpoint", one.checkpoint(6), "--text", SmallRun.textPath(), "--threads", "1", "--json"],
            environment: MPIRun.environment)
        #expect(evaluated.succeeded && evaluated.output.contains(attention[1]), "\(evaluated)")
    }

    /// A run that stopped and went on is the run that did not, byte for byte.
    @Test(arguments: [allocated, forecast]) func resumingIsExact(attention: [String]) async throws {
        let model = try await Model(), whole = try SmallRun(), parts = try SmallRun(), grid = GridShape(1, 1)
        let expected = try await trained(model, on: grid, attention + ["--steps", "6"], in: whole)
        _ = try await trained(model, on: grid, attention + ["--steps", "3"], in: parts)
        #expect(try await trained(model, on: grid, attention + ["--steps", "6"], in: parts).map(\.loss) == expected.map(\.loss))
        let (a, b) = (try verifiedDatasets(whole.checkpoint(6)), try verifiedDatasets(parts.checkpoint(6)))
        #expect(Set(a.keys) == Set(b.keys) && a.keys.filter { $0 != "/config" }.allSatisfy { a[$0] == b[$0] })
    }

    /// A policy by token learns the same on every grid, leaves a frozen model as it is, and goes on where it stopped.
    @Test func aPolicyByTokenLearnsOnEveryGrid() async throws {
        let policy = ["--attention", "token-policy", "--flops-budget", "1.5", "--grain", "2", "--freeze"], model = try await Model()
        let one = try SmallRun(), options = policy + ["--steps", "4"]
        let expected = try await trained(model, on: GridShape(1, 1), options, in: one)
        for line in expected { #expect(line[.executedShare] != nil && line[.priceMultiplier] != nil && line[.reward] != nil) }
        for grid in [GridShape(2, 1), GridShape(1, 2), GridShape(2, 2)] {
            let run = try SmallRun(), metrics = try await trained(model, on: grid, options, in: run)
            for (a, b) in zip(expected, metrics) {
                for metric in [Metric.executedShare, .priceMultiplier, .reward] {
                    let (x, y) = (try #require(a[metric]), try #require(b[metric]))
                    #expect(abs(x - y) < 1e-3 * abs(x), "\(metric.key) on \(grid.testDescription)")
                }
            }
        }
        let before = try verifiedDatasets(model.path), after = try verifiedDatasets(one.checkpoint(4))
        for name in before.keys where name.hasPrefix("/model") || name.hasPrefix("/lowrank/measured") {
            #expect(after[name] == before[name], "\(name)")
        }
        #expect(after["/forecast/output_weight"] != before["/forecast/output_weight"])
        let parts = try SmallRun()
        _ = try await trained(model, on: GridShape(1, 1), policy + ["--steps", "2"], in: parts)
        _ = try await trained(model, on: GridShape(1, 1), options, in: parts)
        let resumed = try verifiedDatasets(parts.checkpoint(4))
        #expect(Set(after.keys) == Set(resumed.keys))
        for name in after.keys where name.hasPrefix("/forecast") || name.hasPrefix("/policy") {
            #expect(after[name] == resumed[name], "\(name)")
        }
        let evaluated = try await run(
            BuiltProduct.url(named: "drrl"),
            ["evaluate", "--checkpoint", one.checkpoint(4), "--text", SmallRun.textPath(), "--threads", "1", "--json"],
            environment: MPIRun.environment)
        #expect(evaluated.succeeded && evaluated.output.contains("token-policy"), "\(evaluated)")
    }

    @Test func whatWasNotMeasuredIsRefused() async throws {
        let model = try await Model(), run = try SmallRun()
        for (path, options, parts) in [
            (model.imported, Self.allocated, ["--attention allocated", "drrl calibrate"]),
            (model.imported, Self.forecast, ["--attention forecast", "drrl calibrate"]),
            (model.imported, ["--attention", "token-policy", "--freeze"], ["--attention token-policy", "drrl calibrate"]),
            (model.path, ["--attention", "token-policy", "--grain", "5"], ["--grain 5", "does not divide"]),
            (model.path, ["--attention", "token-policy", "--grain", "0"], ["--grain 0", "token, segment or a number"]),
            (model.path, ["--attention", "forecast", "--grain", "2"], ["--grain is for --attention token-policy"]),
            (model.imported, ["--bases", "fixed"], ["--bases fixed", "drrl calibrate"]),
            (model.path, Self.allocated + ["--segment", "32"], ["calibrated.h5", "--segment 16"]),
            (model.path, Self.allocated + ["--exact-recent", "1"], ["calibrated.h5", "--exact-recent 0"]),
            (model.path, Self.allocated + ["--value-basis", "energy"], ["calibrated.h5", "--value-basis loss"]),
            (model.path, ["--attention", "allocated", "--flops-budget", "0.01"], ["--flops-budget 0.01", "cannot be kept"]),
        ] {
            expectRefused(try await train(path, on: GridShape(2, 1), in: run, options + ["--steps", "2"]), parts)
        }
        #expect(!FileManager.default.fileExists(atPath: run.directory.metrics))
    }
}
