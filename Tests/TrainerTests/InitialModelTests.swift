import Checkpoint
import Corpus
import Foundation
import Runs
import TestSupport
import Testing

/// Runs that start from a model of the Llama family.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct InitialModelTests {
    /// A model's directory; removed with the value.
    private struct Model {
        let scratch: Scratch
        let path: String

        init(tiesHead: Bool = true, hasBias: Bool = false) throws {
            scratch = try Scratch()
            path = scratch.path + "/model"
            let text = try Text(bytes: EmbeddedCorpus(seed: 7, byteCount: 16_000).bytes(), name: "t", kind: .wikiTextTokens)
            try RandomModel(tiesHead: tiesHead, hasBias: hasBias).write(to: path, text: text)
        }
    }

    private func arguments(_ model: Model, _ run: SmallRun, stages: Int = 1, _ options: [String]) throws -> [String] {
        try [
            "--init", model.path, "--batch", "8", "--threads", "1", "--train", SmallRun.textPath(), "--run-dir",
            run.directory.path, "--dropout", "0.1", "--layer-shards", "\(stages)", "--eval-every", "0", "--lr", "0.003",
        ] + options
    }

    @discardableResult
    private func train(_ model: Model, on grid: GridShape, in run: SmallRun, _ options: [String]) async throws -> Outcome {
        let outcome = try await mpirun(
            ranks: grid.ranks, BuiltProduct.url(named: "drrl-train"),
            arguments(model, run, stages: grid.stages, options))
        #expect(outcome.succeeded, "\(grid.testDescription): \(outcome)")
        return outcome
    }

    /// Twelve steps on every grid, head tied or not, and of a checkpoint of one grid on another.
    @Test(arguments: [(true, false), (false, true)]) func everyGridTrainsTheSame(tiesHead: Bool, hasBias: Bool) async throws {
        let model = try Model(tiesHead: tiesHead, hasBias: hasBias), reference = try SmallRun()
        let outcome = try await train(model, on: GridShape(1, 1), in: reference, ["--steps", "12", "--checkpoint-every", "6"])
        #expect(outcome.output.contains("init       weights of \(model.path)"))
        let expected = try reference.metrics()
        #expect(expected.count == 12 && expected[11].loss < expected[0].loss - 0.3)
        for grid in [GridShape(2, 1), GridShape(1, 2), GridShape(2, 2), GridShape(2, 4)] {
            let run = try SmallRun()
            try await train(model, on: grid, in: run, ["--steps", "12", "--checkpoint-every", "6"])
            let metrics = try run.metrics(), difference = largestDifference(expected, metrics)
            #expect(difference <= 1e-5, "\(grid.testDescription): \(difference)")
            #expect(zip(expected, metrics).allSatisfy { abs($0.grad_norm - $1.grad_norm) <= 1e-3 * $0.grad_norm })
            guard grid == GridShape(2, 2) else { continue }
            try FileManager.default.removeItem(atPath: run.checkpoint(12))
            try await train(model, on: GridShape(1, 4), in: run, ["--steps", "12", "--checkpoint-every", "6"])
            #expect(largestDifference(expected, try run.metrics()) <= 1e-5)
        }
    }

    /// A run that stopped and went on is the run that did not, byte for byte, whatever attention does.
    @Test(arguments: [
        ["--attention", "full"], ["--attention", "fixed", "--level", "4:8"], ["--attention", "energy", "--energy", "0.9"],
        ["--precision", "bf16"], ["--attention", "performer"], ["--attention", "nystrom"],
    ]) func resumingIsExact(options: [String]) async throws {
        let model = try Model(), whole = try SmallRun(), parts = try SmallRun(), schedule = ["--schedule-steps", "8"]
        try await train(model, on: GridShape(1, 1), in: whole, options + schedule + ["--steps", "8", "--checkpoint-every", "4"])
        for steps in ["4", "8"] {
            try await train(
                model, on: GridShape(1, 1), in: parts, options + schedule + ["--steps", steps, "--checkpoint-every", "4"])
        }
        let metrics = try whole.metrics()
        #expect(metrics.map(\.loss) == (try parts.metrics().map(\.loss)) && metrics[7].loss < metrics[0].loss)
        let names = { (name: String) in name != "/config" }
        let (a, b) = (try verifiedDatasets(whole.checkpoint(8)), try verifiedDatasets(parts.checkpoint(8)))
        #expect(Set(a.keys) == Set(b.keys) && a.keys.filter(names).allSatisfy { a[$0] == b[$0] })
    }

    /// Levels on two stages and two replicas are those on one rank.
    @Test func levelsAreTheSameOnEveryGrid() async throws {
        let model = try Model(), options = ["--attention", "fixed", "--level", "4:8", "--steps", "6"]
        let (one, four) = (try SmallRun(), try SmallRun())
        try await train(model, on: GridShape(1, 1), in: one, options)
        try await train(model, on: GridShape(2, 2), in: four, options)
        #expect(largestDifference(try one.metrics(), try four.metrics()) <= 1e-5)
    }

    @Test func whatCannotBeIsRefused() async throws {
        let model = try Model(), run = try SmallRun()
        for (options, parts) in [
            (["--layers", "4"], ["--layers and --init exclude each other"]),
            (["--tokenizer", model.path], ["--tokenizer and --init exclude each other"]),
            (["--context", "128"], ["context is 128", "at most 64"]),
            (["--attention", "policy"], ["--attention policy", "rotary positions", "fixed"]),
            (["--attention", "oracle"], ["--attention oracle", "rotary positions"]),
            (["--init", model.path + "/nothing"], ["--init", "no such file or directory"]),
            (["--init", model.path + "/config.json"], ["config.json"]),
        ] {
            let outcome = try await TestSupport.run(
                BuiltProduct.url(named: "drrl-train"), arguments(model, run, ["--steps", "2"]) + options,
                environment: MPIRun.environment)
            #expect(outcome.status == 2 && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
            for part in parts { #expect(outcome.errors.contains(part), "\(outcome)") }
        }
        #expect(!FileManager.default.fileExists(atPath: run.directory.metrics))
    }

    /// A run of such a model is not taken for a GPT-2's.
    @Test func anotherFamilyDoesNotGoOn() async throws {
        let model = try Model(), run = try SmallRun()
        try await train(model, on: GridShape(1, 1), in: run, ["--steps", "2", "--checkpoint-every", "2"])
        let outcome = try await run.trainAlone(["--steps", "4"])
        #expect(outcome.status == 2 && outcome.errors.contains("holds a Llama model"), "\(outcome)")
    }

    /// What goes on from a checkpoint says that the model of --init is not what it goes on from.
    @Test func weightsThatAreNotReadAreNamed() async throws {
        let (model, other) = (try Model(), try Model()), run = try SmallRun()
        let first = try await train(model, on: GridShape(1, 1), in: run, ["--steps", "2", "--checkpoint-every", "2"])
        #expect(!first.output.contains("were not read"))
        let second = try await train(other, on: GridShape(1, 1), in: run, ["--steps", "3"])
        #expect(second.output.contains("those of --init \(other.path) were not read"), "\(second)")
        #expect(!second.output.contains("init       weights"))
    }
}
