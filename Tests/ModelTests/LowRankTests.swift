import Kernels
import Model
import Testing

@Suite struct LowRankTests {
    /// d = 12 with tails everywhere; three segments and a part.
    static let shape = TransformerStageTests.Shape(
        vocabulary: 67, context: 140, width: 36, heads: 3, layers: 3, sequences: 2, length: 133)
    static let d = 12
    static let levels = [(2, 3), (4, 4), (4, 9), (12, 12)].map { AttentionLevel(scoreRank: $0.0, valueRank: $0.1) }

    /// A random matrix near the identity, [n, n].
    private static func nearIdentity(_ n: Int, seed: UInt64) -> [Double] {
        var x = SampleValues.uniform(n * n, seed: seed, scale: 0.25).doubles
        for i in 0..<n { x[i * n + i] += 1 }
        return x
    }

    /// The inverse's transpose, by Gauss-Jordan elimination.
    private static func inverseTransposed(_ x: [Double], _ n: Int) -> [Double] {
        var a = x
        var b = (0..<(n * n)).map { $0 / n == $0 % n ? 1.0 : 0.0 }
        for column in 0..<n {
            let pivot = a[column * n + column]
            for j in 0..<n { a[column * n + j] /= pivot; b[column * n + j] /= pivot }
            for row in 0..<n where row != column {
                let factor = a[row * n + column]
                for j in 0..<n { a[row * n + j] -= factor * a[column * n + j]; b[row * n + j] -= factor * b[column * n + j] }
            }
        }
        return (0..<(n * n)).map { b[$0 % n * n + $0 / n] }
    }

    /// An orthogonal matrix, by Gram and Schmidt over columns.
    private static func orthogonal(_ n: Int, seed: UInt64) -> [Double] {
        var x = nearIdentity(n, seed: seed)
        for c in 0..<n {
            for e in 0..<c {
                let dot = (0..<n).reduce(0) { $0 + x[$1 * n + c] * x[$1 * n + e] }
                for i in 0..<n { x[i * n + c] -= dot * x[i * n + e] }
            }
            let norm = (0..<n).reduce(0) { $0 + x[$1 * n + c] * x[$1 * n + c] }.squareRoot()
            for i in 0..<n { x[i * n + c] /= norm }
        }
        return x
    }

    /// The same bases for the reference and, in float, for the model.
    private static func bases(
        level: @escaping @Sendable (Int, Int, Int) -> AttentionLevel, segment: Int
    ) throws -> (reference: Reference.LowRank, model: [AttentionBasis]) {
        let H = shape.heads
        func each(_ make: (UInt64) -> [Double]) -> [[[Double]]] {
            (0..<shape.layers).map { layer in (0..<H).map { make(UInt64(100 * layer + $0)) } }
        }
        let query = each { nearIdentity(d, seed: 11 + $0) }
        let key = query.map { $0.map { inverseTransposed($0, d) } }
        let value = each { orthogonal(d, seed: 7000 + $0) }
        func floats(_ x: [[Double]]) -> Buffer<Float> { Buffer(x.joined().map { Float($0) }) }
        let model = (0..<shape.layers).map {
            AttentionBasis(query: floats(query[$0]), key: floats(key[$0]), value: floats(value[$0]), headWidth: d)
        }
        return (
            Reference.LowRank(
                heads: H, headWidth: d, segment: segment, query: query, key: key, value: value, level: level), model)
    }

    private static func pass(
        _ bases: [AttentionBasis], segment: Int, levels: [AttentionLevel] = levels,
        level: @escaping @Sendable (Int, Int, Int) -> AttentionLevel
    ) throws -> LowRankPass {
        let configuration = try shape.configuration()
        return LowRankPass(layers: bases.map { FoldedAttention(configuration, levels: levels, basis: $0) }) {
            input, batch in
            let segments = (batch.length + segment - 1) / segment
            return ChosenLevels(SegmentLevels(
                segment: segment, segments: segments,
                levels: (0..<(batch.sequences * segments)).map { level(input.layer, $0 / segments, $0 % segments) }))
        }
    }

    /// A level for each layer, sequence and segment, all of them in use.
    @Sendable private static func mixed(_ layer: Int, _ sequence: Int, _ segment: Int) -> AttentionLevel {
        levels[(layer + 2 * sequence + 3 * segment) % levels.count]
    }

    @Test(arguments: [40, 64, 128, 133], [0, 0.2] as [Float])
    func lossAndGradientsAgreeWithFloat64(segment: Int, rate: Float) throws {
        let shape = Self.shape, configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let (reference, bases) = try Self.bases(level: Self.mixed, segment: segment)
        let expected = Reference.Model(
            configuration: configuration, parameters: weights.mapValues(\.doubles), tokens: batch.tokens.array,
            targets: batch.targets.array, length: shape.length, samples: batch.samples,
            dropout: rate > 0 ? Reference.Dropout(rate: rate, seed: 8, step: 3) : nil, lowRank: reference
        ).pass()
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 8, step: 3) : nil
        for threads in [1, 2] {
            let run = try StageRun(configuration, weights: weights, rows: batch.rows + 3, threads: threads)
            let lowRank = try Self.pass(bases, segment: segment, level: Self.mixed)
            // Twice, so that what is folded must be cleared in between.
            for pass in 1...2 {
                let loss = run.pass(batch, dropout: dropout, lowRank: lowRank)
                #expect(abs(loss - expected.loss) <= 2e-6 * expected.loss)
                for (name, gradient) in run.gradients {
                    let twice = (expected.gradients[name] ?? []).map { $0 * Double(pass) }
                    #expect(normError(gradient, twice) < 2e-5, "\(name), pass \(pass)")
                }
            }
        }
    }

    /// At level d:d any bases give full attention, up to rounding.
    @Test func fullRankIsFullAttention() throws {
        let configuration = try Self.shape.configuration(), batch = Self.shape.batch()
        let weights = ModelWeights.random(configuration, seed: 6)
        let full = AttentionLevel(scoreRank: Self.d, valueRank: Self.d)
        let (_, bases) = try Self.bases(level: { _, _, _ in full }, segment: 64)
        let plain = try StageRun(configuration, weights: weights, rows: batch.rows)
        plain.forward(batch)
        let rotated = try StageRun(configuration, weights: weights, rows: batch.rows)
        rotated.forward(batch, lowRank: try Self.pass(bases, segment: 64, levels: [full]) { _, _, _ in full })
        #expect(relativeError(rotated.logits(batch), plain.logits(batch).doubles) < 1e-5)
    }

    /// Changing a token leaves every logit before it bit for bit, whatever the levels of later segments.
    @Test func laterTokensAndLevelsDoNotMatter() throws {
        let shape = Self.shape, configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 7)
        let (_, bases) = try Self.bases(level: Self.mixed, segment: 32)
        func logits(_ batch: MicroBatch, raised first: Int) throws -> [Float] {
            let run = try StageRun(configuration, weights: weights, rows: batch.rows, forTraining: false)
            run.forward(batch, lowRank: try Self.pass(bases, segment: 32) { layer, sequence, segment in
                segment < first ? Self.mixed(layer, sequence, segment) : Self.levels[3]
            })
            return run.logits(batch)
        }
        let base = try logits(batch, raised: 5)
        for changed in [1, 31, 32, 33, 63, 64, 100, 132] {
            let tokens = Buffer(batch.tokens.array)
            for b in 0..<shape.sequences { tokens[b * shape.length + changed] = (tokens[b * shape.length + changed] + 1) % 67 }
            let other = MicroBatch(
                sequences: batch.sequences, length: batch.length, tokens: tokens, targets: batch.targets,
                samples: batch.samples)
            let after = try logits(other, raised: changed / 32 + 1)
            for b in 0..<shape.sequences {
                let before = (b * shape.length * 67)..<((b * shape.length + changed) * 67)
                #expect(base[before] == after[before], "token \(changed)")
            }
            #expect(base != after)
        }
    }

    /// What the kernels count is what a hand counts: one segment of 4 tokens, one head of width 2 at level 1:2.
    @Test func flopsAreThoseExecuted() throws {
        let configuration = try ModelConfiguration(vocabularySize: 5, context: 4, width: 2, heads: 1, layers: 1)
        let team = Team(threads: 1)
        let stage = TransformerStage(
            configuration, placement: .whole(configuration), rows: 4, team: team, forTraining: false)
        stage.parameters.initialize(seed: 1)
        let level = AttentionLevel(scoreRank: 1, valueRank: 2)
        let lowRank = LowRankPass(
            layers: [
                FoldedAttention(
                    configuration, levels: [AttentionLevel(scoreRank: 1, valueRank: 1), level],
                    basis: .identity(heads: 1, headWidth: 2))
            ]
        ) { _, batch in ChosenLevels(.uniform(level, for: batch)) }
        stage.fold(lowRank)
        // The smaller level costs no product. Wq and bq at rank 1, Wk and bk likewise, Wv and bv at 2; then Pᵀ Wo.
        #expect(team.flops[.upkeep] == 2 * (2 * (2 * 1 * 2 + 1 * 1 * 2) + (2 * 2 * 2 + 1 * 2 * 2) + 2 * 2 * 2))
        team.flops.reset()
        let batch = SampleValues.microBatch(sequences: 1, length: 4, vocabulary: 5, seed: 1)
        stage.forward(batch, stage.makeActivations(), lowRank: lowRank)
        #expect(team.flops[.projections] == 2 * 4 * (2 * 1 + 2 * 1 + 2 * 2 + 2 * 2))
        #expect(team.flops[.scores] == 2 * 4 * 4 * 1)
        #expect(team.flops[.values] == 2 * 4 * 4 * 2)
        #expect(team.flops.exponentials == 1 + 2 + 3 + 4)
        #expect(team.flops[.feedForward] == 2 * 4 * (2 * 8 + 8 * 2))
    }
}
