import Corpus
import Foundation
import Runs
import TestSupport
import Testing

/// A start that is refused, or has nothing to do, leaves the run directory as it was, byte for byte.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct RefusedStartTests {
    /// A finished run with a held-out text, in a directory of its own.
    private func finishedRun() async throws -> (run: SmallRun, text: String, valid: String) {
        let run = try SmallRun(), text = run.scratch.path + "/own.tokens", valid = run.scratch.path + "/valid.tokens"
        try EmbeddedCorpus(seed: 7, byteCount: 16_000).write(to: text)
        try EmbeddedCorpus(seed: 9, byteCount: 4_000).write(to: valid)
        let outcome = try await run.trainAlone(["--train", text, "--valid", valid, "--steps", "2"])
        #expect(outcome.succeeded, "\(outcome)")
        return (run, text, valid)
    }

    @Test func aStartThatIsRefusedChangesNothing() async throws {
        let (run, text, valid) = try await finishedRun()
        let before = try run.files()
        #expect(before.keys.contains("tokenizer/vocab.bpe") && before.keys.contains("data/valid.bin"))
        // Text that grew, so that tokens would be made anew.
        try (String(contentsOfFile: text, encoding: .utf8) + String(repeating: "zebra zulu quartz\n", count: 2000))
            .write(toFile: text, atomically: false, encoding: .utf8)
        let own = ["--train", text, "--valid", valid, "--steps", "4"]
        for (options, named) in [
            (["--vocab-size", "600"], ["vocabulary 512", "600"]), (["--layers", "3"], ["layers 4", "3"]),
            (["--seed", "2"], ["seed 1"]), (["--valid", run.scratch.path + "/none"], ["No such file"]),
            (["--resume", run.scratch.path + "/none.h5"], ["none.h5: no such file"]),
            (["--attention", "policy"], ["holds no policy"]), (["--batch", "1048576"], ["GiB"]),
        ] {
            expectRefused(try await run.trainAlone(own + options), named)
            #expect(try run.files() == before, "\(options)")
        }
    }

    @Test func aStartWithNothingToDoChangesNothing() async throws {
        let (run, text, valid) = try await finishedRun()
        let before = try run.files()
        let outcome = try await run.trainAlone(
            ["--train", text, "--valid", valid, "--steps", "1", "--lr", "0.5", "--batch", "4", "--dropout", "0.5"])
        #expect(outcome.succeeded && outcome.output.contains("step 2 of 1 was reached before"), "\(outcome)")
        #expect(try run.files() == before)
    }

    /// The tokenizer is the checkpoint's, so a text that grew is encoded with it; RUN/tokenizer is always the newest
    /// checkpoint's, also where it is somebody else's files.
    @Test func aTextThatGrewGoesOnWithTheCheckpointsTokenizer() async throws {
        let (run, text, valid) = try await finishedRun()
        let tokenizer = try Data(contentsOf: URL(fileURLWithPath: run.directory.tokenizer + "/vocab.bpe"))
        try (String(contentsOfFile: text, encoding: .utf8) + String(repeating: "zebra zulu quartz\n", count: 2000))
            .write(toFile: text, atomically: false, encoding: .utf8)
        try FileManager.default.removeItem(atPath: run.directory.tokenizer)
        let outcome = try await run.trainAlone(["--train", text, "--valid", valid, "--steps", "3"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("note: \(text) has changed since that run read it"), "\(outcome)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: run.directory.tokenizer + "/vocab.bpe")) == tokenizer)

        let other = try SmallRun()
        let given = try await other.trainAlone(["--tokenizer", run.directory.tokenizer, "--steps", "1"])
        #expect(given.succeeded, "\(given)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: other.directory.tokenizer + "/vocab.bpe")) == tokenizer)
    }

    /// A checkpoint of another run brings another history: what was there goes aside, all of it.
    @Test func anotherRunsCheckpointSetsAsideWhatWasThere() async throws {
        let whole = try await ReferenceRuns.shared.run(on: GridShape(1, 1)), run = try SmallRun()
        #expect(try await run.trainAlone(["--steps", "3", "--lr", "0.05"]).succeeded)
        let outcome = try await run.trainAlone(["--steps", "12", "--resume", whole.checkpoint(10)])
        #expect(outcome.succeeded && outcome.output.contains("moved what was there to"), "\(outcome)")
        #expect(try run.metrics().map(\.step) == [11, 12])
        #expect(try run.checkpointSteps() == [12])
        let aside = try FileManager.default.contentsOfDirectory(atPath: run.directory.path + "/previous-1").sorted()
        #expect(aside == ["checkpoint-00000003.h5", "metrics.jsonl"])
    }
}
