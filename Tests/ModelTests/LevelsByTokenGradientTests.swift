import Kernels
import Model
import Testing

/// Gradients through far keys at a level for each token or few tokens of a segment.
@Suite struct LevelsByTokenGradientTests {
    private static let sequences = LevelsByTokenTests.sequences

    /// The judge of what `levels` say, in float64.
    private static func judge(
        _ own: ExactTokensTests.Case, heads: Int, _ levels: SegmentLevels, rate: Float = 0, _ samples: [UInt64] = []
    ) -> Reference.Attention {
        let d = own.headWidth
        var judge = Reference.Attention(sequences: sequences, length: own.length, heads: heads, headWidth: d)
        judge.level = { b, query, key in
            own.exact.far(of: query, segment: own.segment).contains(key)
                ? levels[sequence: b, row: query] : AttentionLevel(scoreRank: d, valueRank: d)
        }
        if rate > 0 {
            let mask = Reference.Dropout(rate: rate, seed: 77, step: 5)
            judge.factor = { b, h, i, j in mask.factor(.attention, layer: 2, head: h, sample: samples[b], row: i, column: j) }
        }
        return judge
    }

    /// What forward and backward give, into memory that holds NaN: [rows, H d] and [rows, (H + 2 G) d].
    private static func run(
        _ shape: AttentionShape, qkv: [Float], dout: [Float], _ levels: SegmentLevels, _ batch: MicroBatch, rate: Float = 0,
        threads: Int, _ instructions: InstructionSet = .widest
    ) -> (dqkv: [Float], isIntact: Bool, flops: Int) {
        let team = Team(threads: threads), attention = Attention(shape, team: team, instructions: instructions)
        let out = Guarded(unwritten: batch.rows * shape.width), lse = Guarded(unwritten: batch.rows * shape.heads)
        let dqkv = Guarded(unwritten: batch.rows * shape.columns)
        let operands = Attention.Operands(qkv: Buffer(qkv), shape), dropout = rate > 0 ? Dropout(rate: rate, seed: 77, step: 5) : nil
        func heads(_ buffer: Buffer<Float>) -> HeadRows {
            HeadRows(buffer, rowStride: shape.width, headStride: shape.headWidth)
        }
        attention.forward(
            operands, out: heads(out.values), lse: lse.values, levels: levels, batch: batch, dropout: dropout, layer: 2, on: team)
        team.flops.reset()
        attention.backward(
            operands, out: heads(out.values), lse: lse.values, dout: heads(Buffer(dout)),
            gradients: Attention.Operands(qkv: dqkv.values, shape),
            delta: Buffer(count: batch.rows * shape.heads, repeating: .nan), levels: levels, batch: batch, dropout: dropout,
            layer: 2, on: team)
        return (dqkv.array, [out, lse, dqkv].areIntact, team.flops[.scores] + team.flops[.values])
    }

    private static func batch(_ own: ExactTokensTests.Case) -> MicroBatch {
        SampleValues.microBatch(sequences: sequences, length: own.length, vocabulary: 5, seed: 3)
    }

    @Test(arguments: ExactTokensTests.cases, [0, 0.3] as [Float]) func agreeWithFloat64(own: ExactTokensTests.Case, rate: Float) {
        let H = 2, batch = Self.batch(own), width = H * own.headWidth
        let qkv = SampleValues.uniform(batch.rows * 3 * width, seed: 1, scale: 2)
        let dout = SampleValues.uniform(batch.rows * width, seed: 2)
        for grain in LevelsByTokenTests.grains(own) {
            let levels = LevelsByTokenTests.levels(own, grain: grain)
            let expected = Self.judge(own, heads: H, levels, rate: rate, batch.samples)
                .backward(dout: dout.doubles, qkv: qkv.doubles)
            for instructions in InstructionSet.available {
                let results = [1, 3].map {
                    Self.run(
                        AttentionShape(heads: H, headWidth: own.headWidth), qkv: qkv, dout: dout, levels, batch, rate: rate,
                        threads: $0, instructions)
                }
                #expect(results[0].dqkv == results[1].dqkv && results.allSatisfy(\.isIntact))
                for part in 0..<3 {
                    func columns<T>(_ x: [T]) -> [T] { x.indices.filter { $0 / width % 3 == part }.map { x[$0] } }
                    let judged = columns(expected)
                    if judged.contains(where: { abs($0) > 1e-9 }) {
                        #expect(relativeError(columns(results[0].dqkv), judged) < 1e-5, "part \(part), grain \(grain)")
                    }
                }
            }
        }
    }

    /// Query heads that share keys and values add to one gradient, each at its own row's level.
    @Test(arguments: ExactTokensTests.cases) func headsThatShareKeysAddUp(own: ExactTokensTests.Case) {
        let shape = AttentionShape(heads: 6, keyValueHeads: 2, headWidth: own.headWidth), (H, d) = (shape.heads, own.headWidth)
        let batch = Self.batch(own), levels = LevelsByTokenTests.levels(own, grain: 1), wide = 3 * H * d
        let qkv = SampleValues.uniform(batch.rows * shape.columns, seed: 6, scale: 2)
        let dout = SampleValues.uniform(batch.rows * shape.width, seed: 7)
        /// Where column `c` of the judge's row, whose every query head has keys and values of its own, stands in ours.
        func shared(_ c: Int) -> Int {
            let (part, head, i) = (c / (H * d), c / d % H, c % d)
            return part == 0 ? c : H * d + ((part - 1) * shape.keyValueHeads + head / shape.group) * d + i
        }
        let spread = (0..<(batch.rows * wide)).map { Double(qkv[$0 / wide * shape.columns + shared($0 % wide)]) }
        let judged = Self.judge(own, heads: H, levels).backward(dout: dout.doubles, qkv: spread)
        var expected = [Double](repeating: 0, count: qkv.count)
        for i in judged.indices { expected[i / wide * shape.columns + shared(i % wide)] += judged[i] }
        for instructions in InstructionSet.available {
            let result = Self.run(shape, qkv: qkv, dout: dout, levels, batch, threads: 2, instructions)
            #expect(relativeError(result.dqkv, expected) < 1e-5 && result.isIntact)
        }
    }

    /// Tokens of one level have the segment's gradients to the last bit; what is executed is counted token by token: a backward
    /// pass multiplies far keys three times at columns of scores and twice at those of values.
    @Test(arguments: ExactTokensTests.cases) func aLevelForAllTokensIsTheSegments(own: ExactTokensTests.Case) {
        let d = own.headWidth, H = 2, batch = Self.batch(own), L = own.length, shape = AttentionShape(heads: H, headWidth: d)
        let qkv = SampleValues.uniform(batch.rows * shape.columns, seed: 4, scale: 2)
        let dout = SampleValues.uniform(batch.rows * shape.width, seed: 5)
        let level = AttentionLevel(scoreRank: max(1, d / 3), valueRank: max(1, d / 2))
        func uniform(_ grain: Int) -> SegmentLevels {
            let pieces = (L + grain - 1) / grain
            return SegmentLevels(
                segment: own.segment, segments: pieces, levels: Array(repeating: level, count: Self.sequences * pieces),
                exact: own.exact, grain: grain)
        }
        func run(_ levels: SegmentLevels) -> (dqkv: [Float], isIntact: Bool, flops: Int) {
            Self.run(shape, qkv: qkv, dout: dout, levels, batch, rate: 0.2, threads: 2)
        }
        let whole = run(uniform(own.segment)), each = run(uniform(1))
        #expect(each.dqkv == whole.dqkv && each.flops == whole.flops)
        let mixed = LevelsByTokenTests.levels(own, grain: 1)
        var difference = 0
        for b in 0..<Self.sequences {
            for row in 0..<L {
                let far = own.exact.far(of: row, segment: own.segment).count, its = mixed[sequence: b, row: row]
                difference += 2 * H * far
                    * (3 * (its.scoreRank - level.scoreRank) + 2 * (its.valueRank - level.valueRank))
            }
        }
        #expect(run(mixed).flops - whole.flops == difference)
    }

    /// The judge's own gradient, by differences.
    @Test func theReferenceIsItsOwnSlope() {
        let own = ExactTokensTests.Case(length: 11, segment: 3, recent: 0, first: 1, headWidth: 5)
        let judge = Self.judge(own, heads: 2, LevelsByTokenTests.levels(own, grain: 1))
        let x = SampleValues.uniform(Self.sequences * 11 * 30, seed: 8).doubles
        let dout = SampleValues.uniform(Self.sequences * 11 * 10, seed: 9).doubles
        #expect(gradientError(judge.backward(dout: dout, qkv: x), finiteDifferences(at: x) { dot(dout, judge.forward($0).out) }) < 1e-7)
    }

    /// A whole model of each family, learnt positions and rotary ones: the loss moves along a direction of all weights as their
    /// gradients say.
    @Test(arguments: SublayerModel.Family.allCases, [1, 8]) func lossesFollowGradients(family: SublayerModel.Family, grain: Int) throws {
        let model = SublayerModel(family: family, kind: .softmax, isLevelled: true, exact: ExactTokens(recent: 0, first: 2))
        let configuration = try model.configuration, batch = model.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        func pass() throws -> LowRankPass {
            let levelled = try model.pass(), layers = try #require(levelled).layers
            return LowRankPass(layers: layers) { input, batch in
                let pieces = (batch.length + grain - 1) / grain, generator = Philox(key: 3)
                return ChosenLevels(SegmentLevels(
                    segment: SublayerModel.segment, segments: pieces,
                    levels: (0..<(batch.sequences * pieces)).map {
                        SublayerModel.levels[Int(generator.uniform(UInt32($0), UInt32(input.layer)) * 4)]
                    },
                    exact: model.exact, grain: grain))
            }
        }
        let run = try StageRun(configuration, weights: weights, rows: batch.rows)
        run.pass(batch, lowRank: try pass())
        let slope = run.gradients
        var direction: [String: [Float]] = [:]
        for (i, name) in weights.keys.sorted().enumerated() {
            direction[name] = SampleValues.uniform(weights[name]?.count ?? 0, seed: UInt64(900 + i), scale: 0.02)
        }
        func loss(_ step: Float) throws -> Double {
            let moved = weights.reduce(into: [String: [Float]]()) { moved, own in
                moved[own.key] = zip(own.value, direction[own.key] ?? []).map { $0 + step * $1 }
            }
            let run = try StageRun(configuration, weights: moved, rows: batch.rows, forTraining: false)
            run.forward(batch, lowRank: try pass())
            return run.negativeLogLikelihood(batch).reduce(0, +)
        }
        let parts = slope.keys.sorted().flatMap { name in
            zip(slope[name] ?? [], direction[name] ?? []).map { Double($0) * Double($1) }
        }
        // The sum of parts of either sign may be near 0, and errors are as large as its parts.
        let expected = parts.reduce(0, +), spread = dot(parts, parts).squareRoot()
        let measured = try (loss(0.05) - loss(-0.05)) / 0.1
        #expect(abs(expected - measured) < 5e-3 * spread, "\(expected) where \(measured) was measured, of parts of \(spread)")
    }
}
