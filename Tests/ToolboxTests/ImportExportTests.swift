import Checkpoint
import Corpus
import Foundation
import TestSupport
import Testing

/// A model that goes out as Hugging Face's files and comes back is the same model.
@Suite(.serialized) struct ImportExportTests {
    private func drrl(_ arguments: [String]) async throws -> Outcome {
        try await run(BuiltProduct.url(named: "drrl"), arguments, environment: MPIRun.environment)
    }

    /// A model's directory, exported from a trained checkpoint.
    private func exported(_ scratch: Scratch) async throws -> (model: TrainedModel, directory: String) {
        let model = try await TrainedModel.full(), directory = scratch.path + "/gpt2"
        let outcome = try await drrl(["export", "--checkpoint", model.checkpoint, "--to", directory])
        #expect(outcome.succeeded && outcome.output.hasPrefix("exported "), "\(outcome)")
        return (model, directory)
    }

    @Test func everyWeightComesBack() async throws {
        let scratch = try Scratch(), (model, directory) = try await exported(scratch)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == [
            "config.json", "merges.txt", "model.safetensors", "tokenizer_config.json", "vocab.json",
        ])
        let back = scratch.path + "/back.h5"
        let outcome = try await drrl(["import", directory, "--to", back])
        #expect(outcome.succeeded && outcome.output.hasPrefix("imported "), "\(outcome)")
        let first = try CheckpointReader(path: model.checkpoint), second = try CheckpointReader(path: back)
        let weights = first.datasets.filter { $0.name.hasPrefix("/model/") }
        #expect(!weights.isEmpty)
        for weight in weights {
            #expect(try first.read(weight.name, shape: weight.shape, of: Float.self).array
                == second.read(weight.name, shape: weight.shape, of: Float.self).array, "\(weight.name)")
        }
        let reports = try await [model.checkpoint, back].asyncMap { checkpoint in
            let outcome = try await drrl(["evaluate", "--checkpoint", checkpoint, "--text", model.text, "--attention", "full", "--json"])
            let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            return try #require(object?["nll"] as? Double, "\(outcome)")
        }
        #expect(reports[0] == reports[1])
        let again = scratch.path + "/again"
        #expect(try await drrl(["export", "--checkpoint", back, "--to", again]).succeeded)
        for name in ["model.safetensors", "vocab.json", "merges.txt", "config.json"] {
            #expect(FileManager.default.contentsEqual(atPath: directory + "/" + name, andPath: again + "/" + name), "\(name)")
        }
    }

    /// A tokenizer.json in place of the two files; the model has more entries than it, as padded embeddings have.
    @Test func aTokenizerJSONComesBack() async throws {
        let scratch = try Scratch(), (model, directory) = try await exported(scratch)
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("CorpusTests/Golden/tokenizer-json/llama3.json")
        for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
            try FileManager.default.removeItem(atPath: directory + "/" + name)
        }
        try FileManager.default.copyItem(atPath: golden.path, toPath: directory + "/tokenizer.json")
        let checkpoint = scratch.path + "/c.h5", back = scratch.path + "/back"
        let imported = try await drrl(["import", directory, "--to", checkpoint])
        #expect(imported.succeeded, "\(imported)")
        let evaluated = try await drrl(["evaluate", "--checkpoint", checkpoint, "--text", model.text, "--threads", "1"])
        #expect(evaluated.succeeded, "\(evaluated)")
        #expect(try await drrl(["export", "--checkpoint", checkpoint, "--to", back]).succeeded)
        #expect(try FileManager.default.contentsOfDirectory(atPath: back).sorted() == [
            "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        ])
        #expect(FileManager.default.contentsEqual(atPath: golden.path, andPath: back + "/tokenizer.json"))
        #expect(FileManager.default.contentsEqual(
            atPath: directory + "/model.safetensors", andPath: back + "/model.safetensors"))
        let described = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: back + "/tokenizer_config.json"))) as? [String: Any]
        #expect(described?["tokenizer_class"] as? String == "PreTrainedTokenizerFast")
        #expect(described?["eos_token"] as? String == "<|end_of_text|>")
        #expect(described?["bos_token"] as? String == "<|begin_of_text|>")

        let text = try Text(bytes: EmbeddedCorpus(seed: 7, byteCount: 20_000).bytes(), name: "t", kind: .wikiTextTokens)
        try FileManager.default.removeItem(atPath: directory + "/tokenizer.json")
        try BPETrainer.train(on: text, vocabularySize: 600).save(to: directory)
        let refused = try await drrl(["import", directory, "--to", scratch.path + "/d.h5"])
        #expect(refused.status == 2 && refused.errors.contains("its tokenizer has 600 entries, its model 512"), "\(refused)")
    }

    /// A model of the Llama family, its head tied or not, with biases or without.
    @Test(arguments: [(true, false), (false, false), (true, true)])
    func aLlamaComesBack(tiesHead: Bool, hasBias: Bool) async throws {
        let scratch = try Scratch(), directory = scratch.path + "/model", text = scratch.path + "/text.tokens"
        try EmbeddedCorpus(seed: 8, byteCount: 8_000).write(to: text)
        try RandomModel(tiesHead: tiesHead, hasBias: hasBias).write(to: directory, text: Text(contentsOf: text))
        let checkpoint = scratch.path + "/c.h5", back = scratch.path + "/back"
        let imported = try await drrl(["import", directory, "--to", checkpoint])
        #expect(imported.succeeded && imported.output.contains("Llama"), "\(imported)")
        let evaluated = try await drrl(["evaluate", "--checkpoint", checkpoint, "--text", text, "--threads", "1"])
        #expect(evaluated.succeeded && evaluated.output.contains("perplexity"), "\(evaluated)")
        #expect(try await drrl(["export", "--checkpoint", checkpoint, "--to", back]).succeeded)
        for name in ["model.safetensors", "config.json"] {
            #expect(FileManager.default.contentsEqual(atPath: directory + "/" + name, andPath: back + "/" + name), "\(name)")
        }
        let config = try String(contentsOfFile: back + "/config.json", encoding: .utf8)
        #expect(config.contains(hasBias ? "\"qwen2\"" : "\"llama\""))
    }

    /// What config.json says of the tokens that begin and end a text goes through a checkpoint, and through training.
    @Test func textEndsGoOutAsTheyCameIn() async throws {
        let scratch = try Scratch(), directory = scratch.path + "/model", text = scratch.path + "/text.tokens"
        try EmbeddedCorpus(seed: 8, byteCount: 8_000).write(to: text)
        try RandomModel().write(to: directory, text: Text(contentsOf: text))
        func config(_ directory: String) throws -> [String: Any] {
            let data = try Data(contentsOf: URL(fileURLWithPath: directory + "/config.json"))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
        let made = try config(directory)
        let cases: [(start: Any?, end: Any?)] = [
            (NSNull(), [7, 9]), (3, 5), (nil, nil), (1, NSNull()),
        ]
        for (i, (start, end)) in cases.enumerated() {
            var given = made
            (given["bos_token_id"], given["eos_token_id"]) = (start, end)
            try JSONSerialization.data(withJSONObject: given).write(to: URL(fileURLWithPath: directory + "/config.json"))
            let checkpoint = scratch.path + "/\(i).h5", run = scratch.path + "/run\(i)"
            #expect(try await drrl(["import", directory, "--to", checkpoint]).succeeded)
            let trained = try await TestSupport.run(
                BuiltProduct.url(named: "drrl-train"),
                ["--init", checkpoint, "--train", text, "--steps", "1", "--batch", "1", "--threads", "1", "--run-dir", run,
                 "--eval-every", "0"], environment: MPIRun.environment)
            #expect(trained.succeeded, "\(trained)")
            for from in [checkpoint, run + "/checkpoint-00000001.h5"] {
                let back = scratch.path + "/back\(i)"
                #expect(try await drrl(["export", "--checkpoint", from, "--to", back]).succeeded)
                let found = try config(back)
                for (key, value) in [("bos_token_id", start), ("eos_token_id", end)] {
                    let expected = value ?? made[key] ?? NSNull()
                    #expect((found[key] as? NSObject) == (expected as? NSObject), "case \(i), \(key) of \(from)")
                }
            }
        }
    }

    /// One line, and no checkpoint.
    @Test func whatIsNotAModelIsRefusedByName() async throws {
        let scratch = try Scratch(), (_, directory) = try await exported(scratch)
        let to = ["--to", scratch.path + "/c.h5"]
        func refused(_ change: () throws -> Void, _ named: [String]) async throws {
            let files = try FileManager.default.contentsOfDirectory(atPath: directory)
            let before = try files.map { ($0, try Data(contentsOf: URL(fileURLWithPath: directory + "/" + $0))) }
            try change()
            let outcome = try await drrl(["import", directory] + to)
            #expect(outcome.status == 2 && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
            for part in named { #expect(outcome.errors.contains(part), "\(part): \(outcome)") }
            #expect(!FileManager.default.fileExists(atPath: to[1]))
            for (name, bytes) in before { try bytes.write(to: URL(fileURLWithPath: directory + "/" + name)) }
        }
        func edit(_ name: String, _ change: (inout String) -> Void) throws {
            var text = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
            change(&text)
            try text.write(toFile: directory + "/" + name, atomically: false, encoding: .utf8)
        }
        try await refused({ try FileManager.default.removeItem(atPath: directory + "/config.json") }, ["config.json"])
        try await refused({ try edit("config.json") { $0 = $0.replacing("\"gpt2\"", with: "\"mamba\"") } }, ["model_type", "mamba"])
        try await refused({ try edit("config.json") { $0 = $0.replacing("\"n_layer\" : 2", with: "\"n_layer\" : 3") } }, ["transformer.h.2."])
        try await refused({ try edit("config.json") { $0 = $0.replacing("\"n_embd\" : 64", with: "\"n_embd\" : 32") } }, ["shape"])
        try await refused({ try FileManager.default.removeItem(atPath: directory + "/model.safetensors") }, ["model.safetensors"])
        try await refused({ try Data([1, 2, 3]).write(to: URL(fileURLWithPath: directory + "/model.safetensors")) }, ["model.safetensors"])
        try await refused({ try FileManager.default.removeItem(atPath: directory + "/vocab.json") }, ["vocab.json"])
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
