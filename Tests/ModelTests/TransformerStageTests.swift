import Kernels
import Model
import Testing

@Suite struct TransformerStageTests {
    struct Shape: CustomTestStringConvertible {
        let vocabulary, context, width, heads, layers, sequences, length: Int
        var testDescription: String {
            "V \(vocabulary) D \(width) H \(heads) N \(layers) B \(sequences) L \(length) of \(context)"
        }
        func configuration() throws -> ModelConfiguration {
            try ModelConfiguration(
                vocabularySize: vocabulary, context: context, width: width, heads: heads, layers: layers)
        }
        func batch(seed: UInt64 = 1) -> MicroBatch {
            SampleValues.microBatch(sequences: sequences, length: length, vocabulary: vocabulary, seed: seed)
        }
    }

    static let shapes = [
        Shape(vocabulary: 1, context: 1, width: 1, heads: 1, layers: 1, sequences: 1, length: 1),
        Shape(vocabulary: 7, context: 9, width: 7, heads: 1, layers: 2, sequences: 3, length: 7),
        Shape(vocabulary: 65, context: 70, width: 33, heads: 3, layers: 3, sequences: 2, length: 65),
        Shape(vocabulary: 127, context: 300, width: 24, heads: 2, layers: 2, sequences: 1, length: 261),
        Shape(vocabulary: 1000, context: 64, width: 65, heads: 5, layers: 1, sequences: 2, length: 17),
    ]

    /// One that cuts well: three layers, lengths beyond a tile of queries.
    static let shape = Shape(
        vocabulary: 67, context: 140, width: 36, heads: 3, layers: 3, sequences: 2, length: 133)

    private static func reference(
        _ shape: Shape, _ batch: MicroBatch, _ weights: [String: [Float]], _ dropout: Reference.Dropout?
    ) throws -> Reference.Model.Pass {
        Reference.Model(
            configuration: try shape.configuration(), parameters: weights.mapValues(\.doubles),
            tokens: batch.tokens.array, targets: batch.targets.array, length: shape.length, samples: batch.samples,
            dropout: dropout
        ).pass()
    }

    @Test(arguments: shapes, [0, 0.2] as [Float])
    func lossAndGradientsAgreeWithFloat64(shape: Shape, rate: Float) throws {
        let configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let expected = try Self.reference(
            shape, batch, weights, rate > 0 ? Reference.Dropout(rate: rate, seed: 8, step: 3) : nil)
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 8, step: 3) : nil
        for threads in [1, 2] {
            // Room for more rows than there are.
            let run = try StageRun(configuration, weights: weights, rows: batch.rows + 3, threads: threads)
            let loss = run.pass(batch, dropout: dropout, scale: 0.5)
            #expect(abs(loss - expected.loss) <= 2e-6 * max(expected.loss, 1e-3))
            #expect(relativeError(run.logits(batch), expected.logits) < 1e-5)
            let nll = run.negativeLogLikelihood(batch)
            #expect(relativeError(nll.map { Float($0) }, expected.losses) < 1e-5 || shape.vocabulary == 1)
            let gradients = run.gradients
            #expect(gradients.count == expected.gradients.count)
            // A norm of the whole gradient, since some parameters (a lone token's, for one) have none of their own.
            let norm = expected.gradients.values.joined().reduce(0) { $0 + $1 * $1 }.squareRoot()
            for (name, gradient) in expected.gradients {
                let actual = try #require(gradients[name])
                let own = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
                if own > 1e-6 * norm {
                    #expect(normError(actual, gradient * 0.5) < 2e-5, "\(name)")
                } else {
                    #expect(actual.allSatisfy { abs($0) <= 1e-5 * Float(max(norm, 1)) }, "\(name)")
                }
            }
        }
    }

    /// Inference shares one layer's memory among all and gives the same logits.
    @Test func inferenceAgreesWithTraining() throws {
        let configuration = try Self.shape.configuration(), batch = Self.shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let training = try StageRun(configuration, weights: weights, rows: batch.rows, threads: 2)
        let inference = try StageRun(configuration, weights: weights, rows: batch.rows, threads: 2, forTraining: false)
        training.forward(batch)
        inference.forward(batch)
        #expect(inference.logits(batch) == training.logits(batch))
        #expect(inference.negativeLogLikelihood(batch) == training.negativeLogLikelihood(batch))
    }

    /// A micro-batch smaller than the last finds that one's rows in memory and must not read them.
    @Test func whatALargerBatchLeftDoesNotMatter() throws {
        let configuration = try Self.shape.configuration()
        let weights = ModelWeights.random(configuration, seed: 5)
        let large = Self.shape.batch()
        let small = SampleValues.microBatch(sequences: 1, length: 65, vocabulary: Self.shape.vocabulary, seed: 4)
        let used = try StageRun(configuration, weights: weights, rows: large.rows)
        used.pass(large)
        for stage in used.stages { stage.parameters.gradients.fill(0) }
        let fresh = try StageRun(configuration, weights: weights, rows: large.rows)
        #expect(used.pass(small) == fresh.pass(small))
        #expect(used.gradients == fresh.gradients)
    }

    @Test(arguments: [1, 2, 3], [0, 0.1] as [Float])
    func aPassRepeatsItself(threads: Int, rate: Float) throws {
        let configuration = try Self.shape.configuration(), batch = Self.shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 1, step: 2) : nil
        let results = try (0..<2).map { _ in
            let run = try StageRun(configuration, weights: weights, rows: batch.rows, threads: threads)
            return (run.pass(batch, dropout: dropout), run.gradients)
        }
        #expect(results[0].0 == results[1].0)
        #expect(results[0].1 == results[1].1)
    }

    @Test func microBatchesAddUp() throws {
        let configuration = try Self.shape.configuration()
        let weights = ModelWeights.random(configuration, seed: 5)
        let whole = SampleValues.microBatch(
            sequences: 4, length: 65, vocabulary: Self.shape.vocabulary, seed: 9)
        let halves = [0..<2, 2..<4].map { (part: Range<Int>) in
            let rows = (part.lowerBound * 65)..<(part.upperBound * 65)
            return MicroBatch(
                sequences: 2, length: 65, tokens: whole.tokens[rows], targets: whole.targets[rows],
                samples: Array(whole.samples[part]))
        }
        // Masks belong to samples, not to places in a batch.
        let dropout = Dropout(rate: 0.2, seed: 1, step: 2)
        let one = try StageRun(configuration, weights: weights, rows: whole.rows)
        let two = try StageRun(configuration, weights: weights, rows: whole.rows / 2)
        let loss = one.pass(whole, dropout: dropout)
        let sum = halves.reduce(0.0) { $0 + two.pass($1, dropout: dropout) }
        #expect(abs(sum - loss) < 1e-6 * loss)
        for (name, gradient) in one.gradients {
            let actual = try #require(two.gradients[name])
            #expect(normError(actual, gradient.doubles) < 1e-5, "\(name)")
        }
    }

    /// Changing token t leaves every logit before t bit for bit.
    @Test(arguments: [1, 64, 127, 128, 132])
    func logitsDoNotSeeLaterTokens(changed: Int) throws {
        let configuration = try Self.shape.configuration(), batch = Self.shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let run = try StageRun(configuration, weights: weights, rows: batch.rows, threads: 2)
        run.forward(batch)
        let before = run.logits(batch)
        let row = Self.shape.length + changed
        batch.tokens[row] = (batch.tokens[row] + 1) % Int32(Self.shape.vocabulary)
        run.forward(batch)
        let after = run.logits(batch)
        let cut = row * Self.shape.vocabulary
        #expect(before[..<cut] == after[..<cut])
        #expect(before[cut..<(cut + Self.shape.vocabulary)] != after[cut..<(cut + Self.shape.vocabulary)])
    }

    @Test func backwardTellsWhatIsFinished() throws {
        let configuration = try Self.shape.configuration(), batch = Self.shape.batch()
        let run = try StageRun(
            configuration, weights: ModelWeights.random(configuration, seed: 5), stages: 2, rows: batch.rows)
        var told: [Int?] = []
        run.pass(batch) { told.append($0) }
        #expect(told == [2, 1, 0, nil])
    }
}
