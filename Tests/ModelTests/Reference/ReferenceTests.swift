import Foundation
import Model
import Testing

/// The judge judged: every backward function of the reference against finite differences of its forward function.
@Suite struct ReferenceTests {
    private static func values(_ count: Int, _ seed: UInt64, centre: Float = 0) -> [Double] {
        SampleValues.uniform(count, seed: seed, centre: centre).doubles
    }

    @Test func layerNorm() {
        let rows = 3, width = 7
        let x = Self.values(rows * width, 1), gamma = Self.values(width, 2, centre: 1), beta = Self.values(width, 3)
        let dy = Self.values(rows * width, 4)
        let g = Reference.layerNormBackward(dy: dy, x: x, gamma: gamma)
        func loss(_ x: [Double], _ gamma: [Double], _ beta: [Double]) -> Double {
            dot(dy, Reference.layerNorm(x, gamma: gamma, beta: beta))
        }
        #expect(gradientError(g.dx, finiteDifferences(at: x) { loss($0, gamma, beta) }) < 1e-7)
        #expect(gradientError(g.dgamma, finiteDifferences(at: gamma) { loss(x, $0, beta) }) < 1e-7)
        #expect(gradientError(g.dbeta, finiteDifferences(at: beta) { loss(x, gamma, $0) }) < 1e-7)
    }

    @Test func gelu() {
        let x = (-60...60).map { Double($0) / 10 }
        let numeric = x.map { x in (Reference.gelu(x + 1e-5) - Reference.gelu(x - 1e-5)) / 2e-5 }
        #expect(gradientError(x.map(Reference.geluSlope), numeric) < 1e-8)
        // A value from the definition by hand: ½ (1 + tanh(√(2/π) · 1.044715)).
        #expect(abs(Reference.gelu(1) - 0.841_191_990_6) < 1e-9)
    }

    @Test func linear() {
        let rows = 4, inner = 5, out = 3
        let x = Self.values(rows * inner, 1), w = Self.values(inner * out, 2), bias = Self.values(out, 3)
        let dy = Self.values(rows * out, 4)
        let g = Reference.linearBackward(dy: dy, x: x, weight: w, out: out)
        #expect(gradientError(g.dx, finiteDifferences(at: x) {
            dot(dy, Reference.linear($0, weight: w, bias: bias))
        }) < 1e-7)
        #expect(gradientError(g.dweight, finiteDifferences(at: w) {
            dot(dy, Reference.linear(x, weight: $0, bias: bias))
        }) < 1e-7)
        #expect(gradientError(g.dbias, finiteDifferences(at: bias) {
            dot(dy, Reference.linear(x, weight: w, bias: $0))
        }) < 1e-7)
    }

    @Test(arguments: [false, true])
    func attention(dropped: Bool) {
        let sequences = 2, length = 6, heads = 2, d = 3
        var attention = Reference.Attention(sequences: sequences, length: length, heads: heads, headWidth: d)
        if dropped {
            let dropout = Reference.Dropout(rate: 0.4, seed: 1, step: 1)
            attention.factor = { b, h, i, j in
                dropout.factor(.attention, layer: 0, head: h, sample: UInt64(b), row: i, column: j)
            }
        }
        let judge = attention
        let qkv = Self.values(sequences * length * 3 * heads * d, 1) * 2
        let dout = Self.values(sequences * length * heads * d, 2)
        let analytic = judge.backward(dout: dout, qkv: qkv)
        #expect(gradientError(analytic, finiteDifferences(at: qkv) { dot(dout, judge.forward($0).out) }) < 1e-7)
    }

    /// One query, two keys, by hand: scores q·k/√d, and the first token sees itself only.
    @Test func attentionByHand() {
        let attention = Reference.Attention(sequences: 1, length: 2, heads: 1, headWidth: 4)
        let qkv: [Double] = [
            9, 9, 9, 9, /**/ 1, 0, 0, 0, /**/ 1, 2, 3, 4,
            2, 2, 0, 0, /**/ 0, 2, 0, 0, /**/ 5, 6, 7, 8,
        ]
        let (out, lse) = attention.forward(qkv)
        #expect(Array(out[0..<4]) == [1, 2, 3, 4])
        // Scores 2/2 and 4/2.
        let e = M_E, second = e / (1 + e)
        #expect(abs(out[4] - (1 + 4 * second)) < 1e-12)
        #expect(abs(lse[1] - log(e + e * e)) < 1e-12)
    }

    @Test func crossEntropy() {
        let logits = Self.values(4 * 5, 1) * 3
        let targets: [Int32] = [2, -1, 0, 4]
        let (losses, analytic) = Reference.crossEntropy(logits, targets: targets)
        #expect(losses[1] == 0 && losses[0] > 0)
        let numeric = finiteDifferences(at: logits) {
            Reference.crossEntropy($0, targets: targets).losses.reduce(0, +)
        }
        #expect(gradientError(analytic, numeric) < 1e-7)
    }

    @Test func tiedHead() {
        let rows = 3, width = 4, vocabulary = 5
        let x = Self.values(rows * width, 1), e = Self.values(vocabulary * width, 2)
        let d = Self.values(rows * vocabulary, 3)
        let g = Reference.tiedLogitsBackward(dlogits: d, x: x, embedding: e, width: width)
        #expect(gradientError(g.dx, finiteDifferences(at: x) {
            dot(d, Reference.tiedLogits($0, embedding: e, width: width))
        }) < 1e-7)
        #expect(gradientError(g.dembedding, finiteDifferences(at: e) {
            dot(d, Reference.tiedLogits(x, embedding: $0, width: width))
        }) < 1e-7)
    }

    @Test func embedding() {
        let width = 3, tokens: [Int32] = [4, 0, 4, 1, 1, 4]
        let tokenTable = Self.values(5 * width, 1), positionTable = Self.values(4 * width, 2)
        let dx = Self.values(tokens.count * width, 3)
        let g = Reference.embeddingBackward(
            dx: dx, tokens: tokens, length: 3, tokenTable: tokenTable, positionTable: positionTable, width: width)
        func loss(_ tokenTable: [Double], _ positionTable: [Double]) -> Double {
            dot(dx, Reference.embedding(
                tokens: tokens, length: 3, tokenTable: tokenTable, positionTable: positionTable, width: width))
        }
        #expect(gradientError(g.dtokens, finiteDifferences(at: tokenTable) { loss($0, positionTable) }) < 1e-7)
        #expect(gradientError(g.dpositions, finiteDifferences(at: positionTable) { loss(tokenTable, $0) }) < 1e-7)
    }

    /// The whole model, every element of every parameter.
    @Test(arguments: [0, 0.3] as [Float])
    func model(dropout: Float) throws {
        let configuration = try ModelConfiguration(vocabularySize: 5, context: 4, width: 4, heads: 2, layers: 2)
        let batch = SampleValues.microBatch(sequences: 2, length: 3, vocabulary: 5, seed: 1)
        var model = Reference.Model(
            configuration: configuration, parameters: ModelWeights.random(configuration, seed: 2).mapValues(\.doubles),
            tokens: batch.tokens.array, targets: batch.targets.array, length: 3, samples: batch.samples)
        if dropout > 0 { model.dropout = Reference.Dropout(rate: dropout, seed: 9, step: 4) }
        let pass = model.pass()
        #expect(pass.gradients.keys.sorted() == model.parameters.keys.sorted())
        for (name, values) in model.parameters {
            let numeric = finiteDifferences(at: values) {
                var moved = model
                moved.parameters[name] = $0
                return moved.loss
            }
            let analytic = try #require(pass.gradients[name])
            // Absolute as well: a key's bias moves no score relative to another.
            let worst = zip(analytic, numeric).map { abs($0.0 - $0.1) }.max() ?? 0
            #expect(worst < 1e-7 * max(1, numeric.map { abs($0) }.max() ?? 0), "\(name)")
        }
    }

    /// With β's zero, AdamW moves each value by the rate, against the sign of its gradient, after the decay.
    @Test func adamW() {
        var parameter = Reference.AdamW([1, -2, 3])
        parameter.update([5, -0.25, 0], step: 1, rate: 0.1, decay: 0.5, beta1: 0, beta2: 0, epsilon: 0)
        #expect(abs(parameter.value[0] - (1 - 0.05 - 0.1)) < 1e-15)
        #expect(abs(parameter.value[1] - (-2 + 0.1 + 0.1)) < 1e-15)
        var second = Reference.AdamW([0])
        second.update([2], step: 1, rate: 0.1, decay: 0, beta1: 0.9, beta2: 0.99, epsilon: 1)
        // Corrected moments are the gradient and its square.
        #expect(abs(second.value[0] + 0.1 * 2 / 3) < 1e-15)
    }
}
