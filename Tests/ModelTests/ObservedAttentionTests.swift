import Kernels
import Model
import Synchronization
import Testing

@Suite struct ObservedAttentionTests {
    /// What an observer saw, copied; layers in the order in which they came.
    private final class Seen: Sendable {
        struct Layer {
            let layer: Int
            let rows: Int
            let qkv, outputs, outputGradients: [Float]
        }
        private let all = Mutex<[Layer]>([])

        var layers: [Layer] { all.withLock { $0 } }

        func add(_ x: ObservedAttention, _ shape: AttentionShape) {
            let M = x.batch.rows
            let layer = Layer(
                layer: x.layer, rows: M, qkv: x.qkv[0..<(M * shape.columns)].array,
                outputs: x.outputs[0..<(M * shape.width)].array,
                outputGradients: x.outputGradients[0..<(M * shape.width)].array)
            all.withLock { $0.append(layer) }
        }
    }

    @Test(arguments: [1, 2])
    func agreesWithFloat64(stages: Int) throws {
        let shape = TransformerStageTests.shape, configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5), seen = Seen()
        let expected = Reference.Model(
            configuration: configuration, parameters: weights.mapValues(\.doubles), tokens: batch.tokens.array,
            targets: batch.targets.array, length: shape.length, samples: batch.samples
        ).pass()
        let run = try StageRun(configuration, weights: weights, stages: stages, rows: batch.rows + 3, threads: 2)
        run.pass(batch, scale: 0.5, observer: { seen.add($0, configuration.layer.attention) })
        #expect(seen.layers.map(\.layer) == [2, 1, 0])
        for layer in seen.layers {
            let own = expected.attention[layer.layer]
            #expect(layer.rows == batch.rows)
            #expect(relativeError(layer.qkv, own.qkv) < 1e-5)
            #expect(relativeError(layer.outputs, own.outputs) < 1e-5)
            #expect(normError(layer.outputGradients, own.outputGradients * 0.5) < 2e-5)
        }
    }

    /// Watching changes nothing.
    @Test func gradientsStay() throws {
        let shape = TransformerStageTests.shape, configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let observers: [AttentionObserver?] = [nil, { _ in }]
        let gradients = try observers.map { observer in
            let run = try StageRun(configuration, weights: weights, rows: batch.rows)
            run.pass(batch, observer: observer)
            return run.gradients
        }
        #expect(gradients[0] == gradients[1])
    }

    /// Where parameters do not learn, all else of a backward pass is the same to the last bit, weights stay, and each map makes
    /// two products instead of three.
    @Test(arguments: [false, true]) func needsNoGradientsOfWeights(rotary: Bool) throws {
        let shape = TransformerStageTests.shape
        let configuration = try rotary ? Self.llama() : shape.configuration()
        let batch = SampleValues.microBatch(
            sequences: 2, length: 11, vocabulary: configuration.vocabularySize, seed: 3)
        let weights = ModelWeights.random(configuration, seed: 4), seen = [Seen(), Seen()]
        let stages = zip([true, false], seen).map { learns, seen in
            let stage = TransformerStage(
                configuration, placement: .whole(configuration), rows: batch.rows, team: Team(threads: 2), learns: learns)
            ModelWeights.load(weights, into: stage.parameters)
            let before = stage.parameters.values.array, activations = stage.makeActivations()
            stage.forward(batch, activations)
            _ = stage.loss(batch, activations, scale: 1)
            stage.backward(batch, activations, observer: { seen.add($0, configuration.layer.attention) })
            #expect(stage.parameters.values.array == before)
            return stage
        }
        #expect(seen[0].layers.count == configuration.layers)
        for (own, other) in zip(seen[0].layers, seen[1].layers) {
            #expect(own.layer == other.layer && own.outputGradients == other.outputGradients && own.qkv == other.qkv)
        }
        #expect(stages[0].streamGradient.array == stages[1].streamGradient.array)
        #expect(stages[0].parameters.gradients.array.contains { $0 != 0 } && stages[1].parameters.gradients.count == 0)
        for kind in [FlopKind.projections, .feedForward, .head] {
            #expect(stages[0].team.flops[kind] > 0 && 2 * stages[0].team.flops[kind] == 3 * stages[1].team.flops[kind])
        }
    }

    /// Grouped heads and rotary positions.
    private static func llama() throws -> ModelConfiguration {
        try ModelConfiguration(
            vocabularySize: 19, context: 16, width: 20, heads: 4, layers: 2,
            family: .llama(
                LlamaShape(
                    keyValueHeads: 2, headWidth: 6, feedForwardWidth: 24, normEpsilon: 1e-5,
                    rotation: RotaryPositions(base: 50), mostPositions: 16, hasInputBias: true, tiesHead: true)))
    }

    /// Grouped heads and rotary positions: the outputs are softmax attention of what was seen, without turning it again, and
    /// a bias of the values moves every output by itself, so its gradient is the sum of theirs.
    @Test func rowsAreTurnedAlready() throws {
        let configuration = try Self.llama(), shape = configuration.layer.attention, seen = Seen()
        let H = shape.heads, G = shape.keyValueHeads, d = shape.headWidth, L = 11
        let batch = SampleValues.microBatch(sequences: 2, length: L, vocabulary: 19, seed: 3)
        let run = try StageRun(configuration, weights: ModelWeights.random(configuration, seed: 4), rows: batch.rows)
        run.pass(batch, observer: { seen.add($0, shape) })
        #expect(seen.layers.map(\.layer) == [1, 0])
        // Keys and values once for each query head.
        let reference = Reference.Attention(sequences: 2, length: L, heads: H, headWidth: d)
        for layer in seen.layers {
            let spread = (0..<batch.rows).flatMap { row -> [Double] in
                let own = layer.qkv[(row * shape.columns)..<((row + 1) * shape.columns)].map(Double.init)
                return [shape.queries, shape.keys, shape.values].enumerated().flatMap { i, part in
                    (0..<H).flatMap { own[shape.columns(of: part, head: i == 0 ? $0 : shape.keyValueHead(of: $0))] }
                }
            }
            #expect(relativeError(layer.outputs, reference.forward(spread).out) < 1e-5)
            var sums = Array(repeating: 0.0, count: G * d)
            for (i, gradient) in layer.outputGradients.enumerated() {
                sums[shape.keyValueHead(of: i % (H * d) / d) * d + i % d] += Double(gradient)
            }
            let bias = try #require(run.gradients["model.layers.\(layer.layer).self_attn.v_proj.bias"])
            #expect(relativeError(bias, sums) < 1e-5)
        }
    }
}
