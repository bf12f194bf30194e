import Corpus
import Foundation
import TestSupport
import Testing

/// `drrl evaluate` and `drrl compare` on a model of the Llama family that a few steps have given bases.
@Suite(.serialized) struct RotaryModelTests {
    /// Trained at context 32 from a model of 64 positions.
    private struct Model {
        let scratch: Scratch
        let checkpoint, text: String

        init() async throws {
            scratch = try Scratch()
            text = scratch.path + "/text.tokens"
            try EmbeddedCorpus(seed: 8, byteCount: 8_000).write(to: text)
            try RandomModel().write(to: scratch.path + "/model", text: Text(contentsOf: text))
            let run = scratch.path + "/run"
            let outcome = try await TestSupport.run(
                BuiltProduct.url(named: "drrl-train"),
                ["--init", scratch.path + "/model", "--train", text, "--context", "32", "--batch", "4", "--steps", "4",
                 "--threads", "1", "--eval-every", "0", "--attention", "fixed", "--level", "6:8", "--run-dir", run],
                environment: MPIRun.environment)
            #expect(outcome.succeeded, "\(outcome)")
            checkpoint = run + "/checkpoint-00000004.h5"
        }

        func drrl(_ tool: String, _ options: [String]) async throws -> Outcome {
            try await run(
                BuiltProduct.url(named: "drrl"),
                [tool, "--checkpoint", checkpoint, "--text", text, "--threads", "1"] + options,
                environment: MPIRun.environment)
        }
    }

    @Test func everythingButRewardsRuns() async throws {
        let model = try await Model()
        let compared = try await model.drrl("compare", ["--windows", "3", "--repeats", "1", "--levels", "3:4,6:8"])
        #expect(compared.succeeded && compared.output.contains("energy") && !compared.output.contains("oracle"), "\(compared)")
        for options in [["fixed", "--level", "6:8", "--basis", "online"], ["energy"], ["performer"], ["nystrom"]] {
            let outcome = try await model.drrl("evaluate", ["--attention"] + options)
            #expect(outcome.succeeded && outcome.output.contains("perplexity"), "\(outcome)")
        }
        for (tool, options) in [
            ("evaluate", ["--attention", "oracle"]), ("evaluate", ["--attention", "policy"]),
            ("compare", ["--strategies", "oracle"]),
        ] {
            let outcome = try await model.drrl(tool, options)
            #expect(outcome.status == 2 && outcome.errors.contains("rotary positions"), "\(outcome)")
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    /// Positions that rotate go on where training stopped.
    @Test func aLongerContextThanTrainingsIsRead() async throws {
        let model = try await Model()
        func nll(_ options: [String]) async throws -> (Outcome, Double?) {
            let outcome = try await model.drrl("evaluate", options + ["--attention", "full", "--json"])
            let object = try? JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            return (outcome, object?["nll"] as? Double)
        }
        let (short, ofShort) = try await nll([]), (long, ofLong) = try await nll(["--context", "64"])
        #expect(short.succeeded && long.succeeded && ofShort != nil && ofLong != nil && ofShort != ofLong, "\(long)")
        let (beyond, _) = try await nll(["--context", "65"])
        #expect(beyond.status == 2 && beyond.errors.contains("--context is 65"), "\(beyond)")
    }

    /// A checkpoint that was imported holds no run, and says what to do with it.
    @Test func anImportedModelIsNoRun() async throws {
        let scratch = try Scratch(), text = scratch.path + "/text.tokens", directory = scratch.path + "/model"
        try EmbeddedCorpus(seed: 8, byteCount: 8_000).write(to: text)
        try RandomModel().write(to: directory, text: Text(contentsOf: text))
        let imported = scratch.path + "/c.h5"
        #expect(try await run(
            BuiltProduct.url(named: "drrl"), ["import", directory, "--to", imported], environment: MPIRun.environment
        ).succeeded)
        let outcome = try await run(
            BuiltProduct.url(named: "drrl-train"),
            ["--init", imported, "--resume", imported, "--train", text, "--batch", "4", "--steps", "2", "--threads", "1",
             "--run-dir", scratch.path + "/run"], environment: MPIRun.environment)
        #expect(outcome.status == 2 && outcome.errors.contains("start from it with --init"), "\(outcome)")
    }
}
