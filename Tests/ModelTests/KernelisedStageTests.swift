import Kernels
import Model
import Testing

/// A whole model with Performer or Nyström attention.
@Suite struct KernelisedStageTests {
    static let kinds: [AttentionKind] = [.performer(features: 20, seed: 4), .nystrom(landmarks: 3, segment: 64)]

    /// Four chunks or segments, the last one short.
    static let shape = TransformerStageTests.Shape(
        vocabulary: 17, context: 260, width: 12, heads: 2, layers: 2, sequences: 1, length: 250)

    /// Every token in turn: logits before it stay bit for bit, its own change.
    @Test(arguments: kinds) func laterTokensDoNotMatter(kind: AttentionKind) throws {
        let shape = Self.shape, configuration = try shape.configuration(), batch = shape.batch(), V = shape.vocabulary
        let run = try StageRun(
            configuration, weights: ModelWeights.random(configuration, seed: 7), rows: batch.rows, threads: 2,
            forTraining: false, attention: kind)
        func logits(_ tokens: [Int32]) -> [Float] {
            let other = MicroBatch(
                sequences: 1, length: batch.length, tokens: Buffer(tokens), targets: batch.targets, samples: batch.samples)
            run.forward(other)
            return run.logits(other)
        }
        let tokens = batch.tokens.array, base = logits(tokens)
        for t in 0..<shape.length {
            var changed = tokens
            changed[t] = (changed[t] + 5) % Int32(V)
            let other = logits(changed)
            #expect(other[..<(t * V)] == base[..<(t * V)], "token \(t)")
            #expect(other[(t * V)..<((t + 1) * V)] != base[(t * V)..<((t + 1) * V)], "token \(t)")
        }
        // Within its segment and beyond it.
        var first = tokens
        first[0] = (first[0] + 5) % Int32(V)
        #expect(logits(first)[(249 * V)...] != base[(249 * V)...])
    }

    @Test(arguments: kinds) func trainingLowersTheLoss(kind: AttentionKind) throws {
        let shape = Self.shape, configuration = try shape.configuration(), batch = shape.batch()
        let run = try StageRun(
            configuration, weights: ModelWeights.random(configuration, seed: 7), rows: batch.rows, attention: kind)
        let parameters = run.stages[0].parameters
        var losses: [Double] = []
        for step in 1...20 {
            parameters.gradients.fill(0)
            losses.append(run.pass(batch, dropout: Dropout(rate: 0.05, seed: 1, step: step), scale: 1 / Float(batch.rows)))
            AdamW(weightDecay: 0).update(
                parameters, reduced: parameters.gradients, step: step, learningRate: 0.01, gradientScale: 1,
                on: run.stages[0].team)
        }
        #expect(losses[19] < 0.75 * losses[0], "\(losses)")
    }

    /// Two stages draw the directions that one does.
    @Test(arguments: kinds) func twoStagesAreOne(kind: AttentionKind) throws {
        let shape = Self.shape, configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 7)
        let losses = try [1, 2].map {
            try StageRun(configuration, weights: weights, stages: $0, rows: batch.rows, attention: kind).pass(batch)
        }
        #expect(losses[0] == losses[1])
    }

    /// One head of width 2, 66 tokens in chunks of 64 and 2, 3 features.
    @Test func performerFLOPsAreThoseExecuted() throws {
        let run = try KernelRun(.performer(features: 3, seed: 1), sequences: 1, length: 66, heads: 1, headWidth: 2)
        let qkv = SampleValues.uniform(run.qkvCount, seed: 1)
        let forward = run.run(qkv: qkv).flops
        // Features of queries and keys, and their products within chunks; sums have 3 columns.
        let features = 66 * 3 * 2, pairs = 64 * 64 + 2 * 2
        #expect(forward[.scores] == 2 * (2 * features + pairs * 3))
        // Within chunks; the state of the first, and what the second reads of it.
        #expect(forward[.values] == 2 * (pairs * 3 + 64 * 3 * 3 + 2 * 3 * 3))
        // Features, and the scales of pairs.
        let exponentials = 2 * 66 * 3 + 64 * 65 / 2 + 2 * 3 / 2
        #expect(forward.exponentials == exponentials)
        #expect(forward[.projections] == 0 && forward[.feedForward] == 0)

        let both = run.run(qkv: qkv, dout: SampleValues.uniform(run.outCount, seed: 2)).flops
        // The first chunk's keys once more for its state; then features, weights, their two gradients, inputs.
        #expect(both[.scores] - forward[.scores] == 2 * (64 * 3 * 2 + 2 * features + pairs * 3 + 2 * pairs * 3 + 2 * features))
        // The state; weights' and values' gradients; keys and values of the first; queries of the second and their sum.
        #expect(both[.values] - forward[.values] == 2 * (64 * 3 * 3 + 2 * pairs * 3 + 2 * 64 * 3 * 3 + 2 * 2 * 3 * 3))
        #expect(both.exponentials - forward.exponentials == exponentials + 64 * 3 + 64 * 65 / 2 + 2 * 3 / 2)
    }

    /// One head of width 2, segments of 4, 4 and 2 tokens, 2 landmarks each.
    @Test func nystromFLOPsAreThoseExecuted() throws {
        let run = try KernelRun(.nystrom(landmarks: 2, segment: 4), sequences: 1, length: 10, heads: 1, headWidth: 2)
        let qkv = SampleValues.uniform(run.qkvCount, seed: 1)
        let forward = run.run(qkv: qkv).flops
        // Queries times the landmarks of 0, 1 and 2 segments and their own segment's keys.
        let pairs = 4 * 4 + 4 * (2 + 4) + 2 * (4 + 2)
        // Of two segments: A and B; AᵀA; its Cholesky factor, 2 multiply-adds … 2·(2²−1)/3 operations.
        let summaryScores = 2 * (2 * (2 * 2 * 2 + 2 * 4 * 2 + 2 * 2 * 2) + 2)
        // B V, A Ṽ and Aᵀ(…); two triangular solves of 2 columns.
        let summaryValues = 2 * 2 * (2 * 4 * 2 + 2 * 2 * 2 * 2 + 2 * 2 * 2)
        #expect(forward[.scores] == 2 * pairs * 2 + summaryScores)
        #expect(forward[.values] == 2 * pairs * 2 + summaryValues)
        let exponentials = (1 + 2 + 3 + 4) + (4 * 2 + 10) + (2 * 4 + 3) + 2 * (2 * 2 + 2 * 4)
        #expect(forward.exponentials == exponentials)

        let both = run.run(qkv: qkv, dout: SampleValues.uniform(run.outCount, seed: 2)).flops
        // Summaries twice more, pairs once more and their gradients; then those of Q̃, K̃ and K.
        #expect(both[.scores] - forward[.scores]
            == 2 * summaryScores + 3 * 2 * pairs * 2 + 2 * 2 * (2 * 2 * 2 * 2 + 2 * 2 * 4 * 2))
        // P; dR, dṼ and A E; dA's two parts; dB and dV.
        #expect(both[.values] - forward[.values]
            == 2 * summaryValues + 2 * 2 * pairs * 2 + 2 * 2 * (8 + 3 * 8 + 2 * 8 + 2 * 2 * 4 * 2))
        #expect(both.exponentials - forward.exponentials == exponentials + 2 * (2 * 2 + 2 * 4))
    }
}
