import Exchange
import Foundation
import Kernels
import Model
import Testing

/// Small random models of every family against transformers: `Golden/families` has their weights and what they give.
@Suite struct FamilyGoldenTests {
    static let cases = ["gpt2", "llama", "llama-untied", "qwen2", "mistral"]

    /// A model's directory, its weights in one stage or several, and what transformers says of it.
    struct Model {
        struct Expected: Decodable {
            struct Recipe: Decodable { let learningRate, beta1, beta2, epsilon, weightDecay: Float }
            let tokens: [[Int32]]
            let loss: Double
            let losses, gradientNorms: [Double]
            let adamW: Recipe
            let clip: Double
        }

        let configuration: ModelConfiguration
        let expected: Expected
        let arrays: SafetensorsFile
        let stages: [TransformerStage]
        let activations: [Activations]
        let batch: MicroBatch

        init(_ name: String, stages count: Int = 1, threads: Int = 1, attention: AttentionKind = .softmax) throws {
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Golden/families/\(name)").path
            let model = try HuggingFaceModel(directory: folder)
            configuration = model.configuration
            expected = try JSONDecoder().decode(
                Expected.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/expected.json")))
            arrays = try SafetensorsFile(path: folder + "/expected.safetensors")
            let B = expected.tokens.count, L = expected.tokens[0].count - 1, team = Team(threads: threads)
            stages = try StagePlacement.split(configuration, stages: count).map { placement in
                let stage = TransformerStage(
                    model.configuration, placement: placement, rows: B * L, team: team, attention: attention)
                for parameter in stage.parameters.layout.parameters {
                    try model.read(parameter.spec, into: stage.parameters.values[parameter.range])
                }
                return stage
            }
            activations = stages.map { $0.makeActivations() }
            for (stage, own) in zip(stages, activations) {
                stage.streamGradient.fill(.nan)
                own.output.fill(.nan)
            }
            batch = MicroBatch(
                sequences: B, length: L, tokens: Buffer(expected.tokens.flatMap { $0.dropLast() }),
                targets: Buffer(expected.tokens.flatMap { $0.dropFirst() }), samples: (0..<B).map { UInt64($0) })
        }

        func array(_ name: String) throws -> [Float] {
            let stored = try #require(arrays.tensor(name), "\(name)")
            let values = Buffer<Float>(uninitialized: stored.shape.reduce(1, *))
            try arrays.read(name, shape: stored.shape, into: values)
            return values.array
        }

        func forward(lowRank: LowRankPass? = nil, dropout: Dropout? = nil) {
            let count = batch.rows * configuration.width
            for i in stages.indices {
                if i > 0 {
                    stages[i].input(of: activations[i])[0..<count].copy(from: activations[i - 1].output[0..<count])
                }
                stages[i].forward(batch, activations[i], dropout: dropout, lowRank: lowRank)
            }
        }

        var logits: [Float] { stages[stages.count - 1].logits(batch, activations[stages.count - 1]).array }

        /// Forward and backward; the mean loss, whose gradients are added to the stages'.
        func pass(lowRank: LowRankPass? = nil) -> Double {
            forward(lowRank: lowRank)
            let count = batch.rows * configuration.width, last = stages.count - 1
            let loss = stages[last].loss(batch, activations[last], scale: 1 / Float(batch.rows))
            for i in stages.indices.reversed() {
                if i < last {
                    stages[i].streamGradient[0..<count].copy(from: stages[i + 1].streamGradient[0..<count])
                }
                stages[i].backward(batch, activations[i], lowRank: lowRank) { (layer) throws(Never) in
                    if let layer, let lowRank { stages[i].unfold(lowRank, layer: layer) }
                }
            }
            return loss / Double(batch.rows)
        }

        /// By name; the sum over stages where two hold a parameter.
        var gradients: [String: [Float]] {
            var all: [String: [Float]] = [:]
            for stage in stages {
                for parameter in stage.parameters.layout.parameters {
                    let own = stage.parameters.gradients[parameter.range].array
                    all[parameter.name] = all[parameter.name].map { zip($0, own).map { $0 + $1 } } ?? own
                }
            }
            return all
        }
    }

    /// ‖a − b‖ / ‖b‖.
    static func distance(_ a: [Float], _ b: [Float]) -> Double {
        let squares = zip(a, b).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
        return (squares / b.reduce(0.0) { $0 + Double($1) * Double($1) }).squareRoot()
    }

    @Test(arguments: cases, [(1, 1), (2, 1), (1, 2)])
    func logitsAndGradientsAgree(name: String, run: (stages: Int, threads: Int)) throws {
        let model = try Model(name, stages: run.stages, threads: run.threads)
        let loss = model.pass()
        #expect(abs(loss / model.expected.loss - 1) < 1e-6)
        let logits = try model.array("logits"), largest = logits.map(abs).max() ?? 0
        #expect(zip(model.logits, logits).allSatisfy { abs($0 - $1) < 1e-5 * largest })
        for (parameter, gradient) in model.gradients {
            let distance = Self.distance(gradient, try model.array("gradient." + parameter))
            #expect(distance < 2e-5, "\(parameter): \(distance)")
        }
    }

    @Test(arguments: cases) func tenStepsOfAdamWAgree(name: String) throws {
        let model = try Model(name), recipe = model.expected.adamW, arena = model.stages[0].parameters
        let optimizer = AdamW(
            beta1: recipe.beta1, beta2: recipe.beta2, epsilon: recipe.epsilon, weightDecay: recipe.weightDecay)
        for step in 1...model.expected.losses.count {
            let loss = model.pass(), team = model.stages[0].team
            #expect(abs(loss / model.expected.losses[step - 1] - 1) < 1e-5, "step \(step)")
            let norm = sumOfSquares(arena.gradients, on: team).squareRoot()
            #expect(abs(norm / model.expected.gradientNorms[step - 1] - 1) < 1e-4, "step \(step)")
            optimizer.update(
                arena, step: step, learningRate: recipe.learningRate,
                gradientScale: Float(min(1, model.expected.clip / (norm + 1e-6))), on: team)
        }
    }
}
