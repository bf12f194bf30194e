import Checkpoint
import Foundation
import Runs
import TestSupport
import Testing

/// `--tokenizer` names a directory with one file, a tokenizer.json.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct GivenTokenizerTests {
    /// A directory with the golden file of that kind, as `tokenizer.json`, and the file's content.
    private func directory(_ kind: String, in scratch: Scratch) throws -> (path: String, content: Data) {
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("CorpusTests/Golden/tokenizer-json/\(kind).json")
        let content = try Data(contentsOf: golden), path = scratch.path + "/" + kind
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try content.write(to: URL(fileURLWithPath: path + "/tokenizer.json"))
        return (path, content)
    }

    @Test(arguments: [("smollm2", GridShape(1, 1)), ("llama3", GridShape(2, 1)), ("qwen2", GridShape(1, 2))])
    func theRunAndItsCheckpointsCarryTheFile(kind: String, grid: GridShape) async throws {
        let run = try SmallRun()
        let (path, content) = try directory(kind, in: run.scratch)
        let started = try await run.train(on: grid, ["--tokenizer", path, "--steps", "2"])
        #expect(started.succeeded, "\(started)")
        let reader = try CheckpointReader(path: run.checkpoint(2))
        #expect(try reader.bytes(CheckpointLayout.tokenizerJSON) == Array(content))
        #expect(reader.description(of: CheckpointLayout.tokenizerEncoder) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: run.directory.tokenizer) == ["tokenizer.json"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: run.directory.tokenizer + "/tokenizer.json")) == content)
        let goneOn = try await run.train(on: grid, ["--tokenizer", path, "--steps", "3"])
        #expect(goneOn.succeeded && goneOn.output.contains("resume     step 2"), "\(goneOn)")
        #expect(goneOn.output.contains("(kept)"), "\(goneOn)")
        #expect(try run.metrics().map(\.step) == [1, 2, 3])
    }

    @Test func aTokenizerOfAnotherKindIsRefusedInOneLine() async throws {
        let run = try SmallRun()
        let (path, content) = try directory("gpt2", in: run.scratch)
        let other = String(decoding: content, as: UTF8.self).replacing("\"type\": \"BPE\"", with: "\"type\": \"Unigram\"")
        try other.write(toFile: path + "/tokenizer.json", atomically: false, encoding: .utf8)
        let outcome = try await run.trainAlone(["--tokenizer", path])
        #expect(outcome.status == 2 && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        #expect(outcome.errors.contains(path + "/tokenizer.json: model.type: \"Unigram\" is not supported"), "\(outcome)")
    }
}
