import Checkpoint
import Corpus
import Foundation
import TestSupport
import Testing

/// What tools make of a checkpoint with an adapter.
@Suite(.serialized) struct AdapterToolTests {
    /// A Llama-style model, a checkpoint of it, and of a run that trained an adapter from there.
    private final class Model: Sendable {
        let scratch: Scratch
        let text, base, adapted: String

        static let adapter = "lora:r=4,alpha=8,targets=q_proj+v_proj+down_proj,dropout=0.1"

        init() async throws {
            scratch = try Scratch()
            (text, base) = (scratch.path + "/text.tokens", scratch.path + "/base.h5")
            adapted = scratch.path + "/run/checkpoint-00000012.h5"
            try EmbeddedCorpus(seed: 8, byteCount: 8_000).write(to: text)
            try RandomModel().write(to: scratch.path + "/model", text: Text(contentsOf: text))
            let imported = try await drrl(["import", scratch.path + "/model", "--to", base])
            #expect(imported.succeeded, "\(imported)")
            let trained = try await run(
                BuiltProduct.url(named: "drrl-train"),
                ["--init", base, "--train", text, "--batch", "4", "--steps", "12", "--threads", "1", "--eval-every", "0",
                 "--lr", "0.02", "--adapter", Self.adapter, "--run-dir", scratch.path + "/run"],
                environment: MPIRun.environment)
            #expect(trained.succeeded, "\(trained)")
        }

        /// Nats on the text.
        func nll(_ checkpoint: String, ranks: Int? = nil) async throws -> Double {
            let outcome = try await drrl(
                ["evaluate", "--checkpoint", checkpoint, "--text", text, "--threads", "1", "--json"], ranks: ranks)
            let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            return try #require(object?["nll"] as? Double, "\(outcome)")
        }
    }

    private static let model = Task { try await Model() }

    /// Tools read the weights with the adapter in them; merging writes what they read.
    @Test func mergedIsWhatToolsRead() async throws {
        let model = try await Self.model.value, merged = model.scratch.path + "/merged.h5"
        let outcome = try await drrl(["merge", "--checkpoint", model.adapted, "--to", merged])
        #expect(outcome.succeeded && outcome.output.contains("12 linear maps"), "\(outcome)")
        let (base, adapted) = (try await model.nll(model.base), try await model.nll(model.adapted))
        #expect(try await model.nll(merged) == adapted)
        #expect(adapted < base - 10)
        let reader = try CheckpointReader(path: merged)
        #expect(reader.datasets.allSatisfy { !$0.name.hasPrefix("/adapter") && !$0.name.hasPrefix("/optimizer") })
        let calibrated = model.scratch.path + "/calibrated.h5"
        let tools = try await drrl(
            ["calibrate", "--checkpoint", model.adapted, "--text", model.text, "--threads", "1", "--to", calibrated,
             "--context", "32", "--segment", "8", "--windows", "2"])
        #expect(tools.succeeded, "\(tools)")
        #expect(try await model.nll(calibrated) == adapted)
    }

    /// An adapter that goes out as peft's files and comes back onto the weights is the same.
    @Test func anAdapterComesBack() async throws {
        let model = try await Self.model.value, directory = model.scratch.path + "/peft", back = model.scratch.path + "/back.h5"
        let out = try await drrl(["export", "--checkpoint", model.adapted, "--to", directory, "--adapter"])
        #expect(out.succeeded && out.output.contains("adapter_model.safetensors"), "\(out)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            == ["adapter_config.json", "adapter_model.safetensors"])
        let imported = try await drrl(["import", directory, "--checkpoint", model.base, "--to", back])
        #expect(imported.succeeded && imported.output.contains("lora:r=4,alpha=8"), "\(imported)")
        let first = try CheckpointReader(path: model.adapted), second = try CheckpointReader(path: back)
        let arrays = first.datasets.filter { $0.name.hasPrefix("/adapter/model/") || $0.name.hasPrefix("/model/") }
        #expect(arrays.count { $0.name.hasPrefix("/adapter/") } == 4 * 3 * 2)
        for array in arrays {
            #expect(try first.read(array.name, shape: array.shape, of: Float.self).array
                == second.read(array.name, shape: array.shape, of: Float.self).array, "\(array.name)")
        }
        #expect(try await model.nll(back) == model.nll(model.adapted))
    }

    /// A whole export has the adapter in its weights, and so has a run that starts from the checkpoint.
    @Test func anExportHasItInItsWeights() async throws {
        let model = try await Self.model.value, directory = model.scratch.path + "/whole", back = model.scratch.path + "/whole.h5"
        let out = try await drrl(["export", "--checkpoint", model.adapted, "--to", directory])
        #expect(out.succeeded && out.output.contains("merged into the weights"), "\(out)")
        #expect(try await drrl(["import", directory, "--to", back]).succeeded)
        #expect(try await model.nll(back) == model.nll(model.adapted))
        let started = try await run(
            BuiltProduct.url(named: "drrl-train"),
            ["--init", model.adapted, "--train", model.text, "--batch", "4", "--steps", "1", "--threads", "1", "--eval-every", "0",
             "--run-dir", model.scratch.path + "/again"], environment: MPIRun.environment)
        #expect(started.succeeded && started.output.contains("with its adapter merged"), "\(started)")
    }

    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed")) func badInputIsNamed() async throws {
        let model = try await Self.model.value, to = model.scratch.path + "/none.h5", peft = model.scratch.path + "/given"
        #expect(try await drrl(["export", "--checkpoint", model.adapted, "--to", peft, "--adapter"]).succeeded)
        let other = model.scratch.path + "/other"
        try FileManager.default.copyItem(atPath: peft, toPath: other)
        let path = URL(fileURLWithPath: other + "/adapter_config.json")
        try String(contentsOf: path, encoding: .utf8).replacing("\"LORA\"", with: "\"IA3\"")
            .write(to: path, atomically: false, encoding: .utf8)
        for (arguments, named) in [
            (["merge", "--checkpoint", model.base, "--to", to], ["base.h5", "no adapter to merge"]),
            (["merge", "--checkpoint", model.adapted, "--to", model.adapted], ["would overwrite"]),
            (["export", "--checkpoint", model.base, "--to", to, "--adapter"], ["base.h5", "no adapter", "leave --adapter out"]),
            (["import", peft, "--checkpoint", model.adapted, "--to", to], ["has an adapter already", "drrl merge"]),
            (["import", peft, "--checkpoint", model.base, "--to", model.base], ["would overwrite"]),
            (["import", other, "--checkpoint", model.base, "--to", to], ["peft_type is \"IA3\"", "LORA"]),
            (["import", model.scratch.path + "/model", "--checkpoint", model.base, "--to", to], ["adapter_config.json"]),
            (["import", peft, "--to", to], ["config.json"]),
        ] {
            for ranks in [nil, 2] {
                let outcome = try await drrl(arguments, ranks: ranks)
                let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("drrl: ") }
                #expect(outcome.status == 2 && lines.count == 1, "\(arguments): \(outcome)")
                for part in named { #expect(lines.first?.contains(part) == true, "\(part): \(outcome)") }
                #expect(!FileManager.default.fileExists(atPath: to))
            }
        }
    }
}
