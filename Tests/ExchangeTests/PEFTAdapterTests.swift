import Exchange
import Foundation
import Kernels
import Model
import Options
import TestSupport
import Testing

/// LoRA adapters against `peft`: `Golden/adapters` has what it saved, and what models give with it.
@Suite struct PEFTAdapterTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden").path

    private struct Expected: Decodable {
        let loss: Double
        let losses, gradientNorms: [Double]
    }

    /// A model of the families with its adapter in memory, on one stage.
    private struct Model {
        let base: FamilyGoldenTests.Model
        let adapter: PEFTAdapter
        let stage: TransformerStage
        let activations: Activations

        init(_ name: String, team: Team = Team(threads: 1)) throws {
            base = try FamilyGoldenTests.Model(name)
            adapter = try PEFTAdapter(directory: folder + "/adapters/" + name, for: base.configuration)
            stage = TransformerStage(
                base.configuration, placement: .whole(base.configuration), rows: base.batch.rows, team: team,
                adapter: adapter.placed)
            stage.parameters.values.copy(from: base.stages[0].parameters.values)
            for parameter in stage.learnt.layout.parameters {
                stage.learnt.values[parameter.range].copy(from: try adapter.read(parameter.spec))
            }
            activations = stage.makeActivations()
        }

        /// Forward and backward; the mean loss.
        func pass() -> Double {
            stage.forward(base.batch, activations)
            let loss = stage.loss(base.batch, activations, scale: 1 / Float(base.batch.rows))
            stage.backward(base.batch, activations)
            return loss / Double(base.batch.rows)
        }
    }

    @Test(arguments: ["llama", "gpt2"]) func logitsAndTenStepsOfAdamWAgree(name: String) throws {
        let model = try Model(name), path = Self.folder + "/adapters/" + name
        let expected = try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path + "/expected.json")))
        let arrays = try SafetensorsFile(path: path + "/expected.safetensors")
        let stored = try #require(arrays.tensor("logits")), logits = Buffer<Float>(uninitialized: stored.count)
        try arrays.read("logits", shape: stored.shape, into: logits)
        model.stage.forward(model.base.batch, model.activations)
        let largest = logits.array.map(abs).max() ?? 0
        #expect(zip(model.stage.logits(model.base.batch, model.activations).array, logits.array)
            .allSatisfy { abs($0 - $1) < 1e-5 * largest })
        let recipe = model.base.expected.adamW
        let optimizer = AdamW(
            beta1: recipe.beta1, beta2: recipe.beta2, epsilon: recipe.epsilon, weightDecay: recipe.weightDecay)
        let before = model.stage.parameters.values.array
        var worst = 0.0
        for step in 1...expected.losses.count {
            let loss = model.pass()
            worst = max(worst, abs(loss / expected.losses[step - 1] - 1))
            let norm = sumOfSquares(model.stage.learnt.gradients, on: model.stage.team).squareRoot()
            #expect(abs(norm / expected.gradientNorms[step - 1] - 1) < 1e-4, "step \(step)")
            optimizer.update(
                model.stage.learnt, step: step, learningRate: recipe.learningRate,
                gradientScale: Float(min(1, model.base.expected.clip / (norm + 1e-6))), on: model.stage.team)
        }
        print("\(name): ten losses differ from peft's by \(worst) at most, relatively")
        #expect(worst < 1e-5)
        #expect(model.stage.parameters.values.array == before)
    }

    /// A map of its own rank and α, and one that a layer has not, are exceptions.
    @Test func patternsBecomeExceptions() throws {
        let adapter = try Model("gpt2").adapter.placed
        #expect(adapter.maps.map(\.module) == [
            "transformer.h.0.attn.c_attn", "transformer.h.0.mlp.c_proj", "transformer.h.1.attn.c_attn",
        ])
        #expect(adapter.maps.map(\.rank) == [3, 3, 2])
        let scales = [6 / 3.0.squareRoot(), 6 / 3.0.squareRoot(), 5 / 2.0.squareRoot()]
        #expect(adapter.maps.map(\.scale) == scales.map { Float($0) })
        #expect(adapter.configuration.exceptions.keys.sorted() == ["transformer.h.1.attn.c_attn", "transformer.h.1.mlp.c_proj"])
    }

    /// What goes out comes back, byte for byte.
    @Test(arguments: ["llama", "gpt2"]) func whatIsWrittenIsReadAgain(name: String) throws {
        let scratch = try Scratch(), model = try Model(name), placed = model.adapter.placed
        try Self.write(model.adapter, for: model.base.configuration, to: scratch.path)
        let back = try PEFTAdapter(directory: scratch.path, for: model.base.configuration)
        #expect(back.placed == placed)
        for spec in placed.parameters { #expect(try back.read(spec).array == model.adapter.read(spec).array) }
        #expect(FileManager.default.contentsEqual(
            atPath: scratch.path + "/adapter_model.safetensors",
            andPath: Self.folder + "/adapters/\(name)/adapter_model.safetensors"))
    }

    private static func write(_ adapter: PEFTAdapter, for model: ModelConfiguration, to directory: String) throws {
        let specs = Dictionary(uniqueKeysWithValues: adapter.placed.peftTensors.map { ($0.name, $0.spec) })
        try SafetensorsWriter.write(
            adapter.placed.peftTensors.map { (name: $0.name, shape: $0.spec.shape) },
            to: directory + "/" + PEFTAdapter.weightsName
        ) { try adapter.read(#require(specs[$0])) }
        try Data(adapter.placed.peftConfiguration(for: model)).write(
            to: URL(fileURLWithPath: directory + "/" + PEFTAdapter.configurationName))
    }

    /// What is no LoRA, or is for another model, is refused in one line that says so.
    @Test(arguments: [
        ("peft_type", "\"IA3\"", "peft_type is \"IA3\""), ("use_dora", "true", "use_dora"), ("bias", "\"all\"", "bias"),
        ("modules_to_save", "[\"lm_head\"]", "modules_to_save"), ("r", "5", "have rank 4"), ("r", "0", "r: 0"),
        ("init_lora_weights", "\"pissa\"", "init_lora_weights"), ("lora_alpha", "\"8\"", "lora_alpha"),
        ("rank_pattern", "{\"(\": 2}", "is no pattern"), ("rank_pattern", "{\"v_proj\": 2}", "have rank 4"),
    ])
    func otherAdaptersAreRefused(key: String, value: String, named: String) throws {
        let scratch = try Scratch(), model = try Model("llama")
        try Self.write(model.adapter, for: model.base.configuration, to: scratch.path)
        let path = scratch.path + "/" + PEFTAdapter.configurationName
        var object = try #require(
            JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
        object[key] = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        try JSONSerialization.data(withJSONObject: object).write(to: URL(fileURLWithPath: path))
        expectRefused(named) { try PEFTAdapter(directory: scratch.path, for: model.base.configuration) }
    }

    @Test func anAdapterOfAnotherModelIsRefused() throws {
        let gpt2 = try FamilyGoldenTests.Model("gpt2").configuration, qwen2 = try FamilyGoldenTests.Model("qwen2").configuration
        let folder = Self.folder + "/adapters/llama"
        expectRefused("this GPT-2 model has not") { try PEFTAdapter(directory: folder, for: gpt2) }
        expectRefused("has the shape [4, 72] where this model needs [4, 48]") { try PEFTAdapter(directory: folder, for: qwen2) }
        expectRefused("adapter_config.json") { try PEFTAdapter(directory: Self.folder, for: gpt2) }
    }

    private func expectRefused(_ named: String, _ body: () throws -> PEFTAdapter) {
        do {
            _ = try body()
            Issue.record("not refused: \(named)")
        } catch {
            let line = "\(error)"
            #expect(line.contains(named) && !line.contains("\n"), "\(line)")
            #expect(error is any UserError || error is ExchangeError)
        }
    }
}
