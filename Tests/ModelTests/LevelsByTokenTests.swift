import Kernels
import Model
import Testing

/// Far keys at a level for each token or few tokens of a segment.
@Suite struct LevelsByTokenTests {
    static let sequences = 2, heads = 2

    /// The levels drawn for tokens: some segments have many, some few, one all of them in runs.
    static func levels(_ own: ExactTokensTests.Case, grain: Int) -> SegmentLevels {
        let d = own.headWidth, pieces = (own.length + grain - 1) / grain
        let list = [(1, 1), (max(1, d / 3), max(1, d / 2)), (d, max(1, d / 4)), (max(1, d / 2), d), (d, d)].map {
            AttentionLevel(scoreRank: $0.0, valueRank: $0.1)
        }
        let generator = Philox(key: 9)
        return SegmentLevels(
            segment: own.segment, segments: pieces,
            levels: (0..<(sequences * pieces)).map { i in
                let kinds = i % pieces * grain / own.segment % 3 == 1 ? 2 : 5
                return list[Int(generator.uniform(UInt32(i)) * Double(kinds))]
            },
            exact: own.exact, grain: grain)
    }

    static func grains(_ own: ExactTokensTests.Case) -> [Int] {
        [1, (1..<max(own.segment, 2)).last { own.segment % $0 == 0 } ?? 1]
    }

    @Test(arguments: ExactTokensTests.cases, [0, 0.3] as [Float]) func agreesWithFloat64(own: ExactTokensTests.Case, rate: Float) {
        let d = own.headWidth, H = Self.heads, L = own.length, rows = Self.sequences * L, width = H * d
        let qkv = SampleValues.uniform(rows * 3 * width, seed: 1, scale: 2)
        let batch = SampleValues.microBatch(sequences: Self.sequences, length: L, vocabulary: 5, seed: 3)
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 77, step: 5) : nil
        let shape = AttentionShape(heads: H, headWidth: d)
        for grain in Self.grains(own) {
            let chosen = Self.levels(own, grain: grain)
            var judge = Reference.Attention(sequences: Self.sequences, length: L, heads: H, headWidth: d)
            judge.level = { b, query, key in
                own.exact.far(of: query, segment: own.segment).contains(key)
                    ? chosen[sequence: b, row: query] : AttentionLevel(scoreRank: d, valueRank: d)
            }
            if rate > 0 {
                let mask = Reference.Dropout(rate: rate, seed: 77, step: 5), samples = batch.samples
                judge.factor = { b, h, i, j in
                    mask.factor(.attention, layer: 2, head: h, sample: samples[b], row: i, column: j)
                }
            }
            let expected = judge.forward(qkv.doubles)
            for instructions in InstructionSet.available {
                var outputs: [[Float]] = []
                for threads in [1, 3] {
                    let team = Team(threads: threads), attention = Attention(shape, team: team, instructions: instructions)
                    let out = Guarded(unwritten: rows * width), lse = Guarded(unwritten: rows * H)
                    attention.forward(
                        Attention.Operands(qkv: Buffer(qkv), shape), out: HeadRows(out.values, rowStride: width, headStride: d),
                        lse: lse.values, levels: chosen, batch: batch, dropout: dropout, layer: 2, on: team)
                    #expect(relativeError(out.array, expected.out) < 5e-6, "grain \(grain)")
                    #expect(relativeError(lse.array, expected.lse) < 2e-6, "grain \(grain)")
                    #expect([out, lse].areIntact)
                    outputs.append(out.array)
                }
                #expect(outputs[0] == outputs[1])
            }
        }
    }

    /// Tokens of one level are the segment's level, to the last bit, and what is executed is counted token by token.
    @Test(arguments: ExactTokensTests.cases) func aLevelForAllTokensIsTheSegments(own: ExactTokensTests.Case) throws {
        let d = own.headWidth, H = Self.heads, L = own.length, rows = Self.sequences * L, width = H * d
        let shape = AttentionShape(heads: H, headWidth: d)
        let qkv = Buffer(SampleValues.uniform(rows * 3 * width, seed: 4, scale: 2))
        let batch = SampleValues.microBatch(sequences: Self.sequences, length: L, vocabulary: 5, seed: 3)
        func run(_ levels: SegmentLevels) -> (out: [Float], flops: Int) {
            let team = Team(threads: 2), out = Buffer<Float>(uninitialized: rows * width)
            Attention(shape, team: team).forward(
                Attention.Operands(qkv: qkv, shape), out: HeadRows(out, rowStride: width, headStride: d),
                lse: Buffer(uninitialized: rows * H), levels: levels, batch: batch, dropout: nil, layer: 0, on: team)
            return (out.array, team.flops[.scores] + team.flops[.values])
        }
        let segments = (L + own.segment - 1) / own.segment, level = AttentionLevel(scoreRank: max(1, d / 3), valueRank: max(1, d / 2))
        func uniform(_ grain: Int) -> SegmentLevels {
            let pieces = (L + grain - 1) / grain
            return SegmentLevels(
                segment: own.segment, segments: pieces, levels: Array(repeating: level, count: Self.sequences * pieces),
                exact: own.exact, grain: grain)
        }
        let whole = run(uniform(own.segment))
        #expect(run(uniform(1)).out == whole.out && run(uniform(1)).flops == whole.flops)
        let model = try ModelConfiguration(vocabularySize: 5, context: L, width: width, heads: H, layers: 1)
        let full = AttentionLevel(scoreRank: d, valueRank: d)
        for grain in Self.grains(own) {
            let chosen = Self.levels(own, grain: grain)
            func flops(_ levels: SegmentLevels) -> Int {
                (0..<(Self.sequences * segments)).reduce(0) {
                    $0 + model.segmentFLOPs(
                        levels, sequence: $1 / segments, largest: full, segment: $1 % segments, length: L)
                }
            }
            #expect(run(chosen).flops - whole.flops == flops(chosen) - flops(uniform(own.segment)))
        }
    }

    @Test func meansAreOverTokens() {
        let a = AttentionLevel(scoreRank: 2, valueRank: 4), b = AttentionLevel(scoreRank: 6, valueRank: 8)
        let levels = SegmentLevels(
            segment: 4, segments: 6, levels: [a, a, a, b, b, b], exact: ExactTokens(recent: 0, first: 0), grain: 1)
        let first = levels.means(sequence: 0, segment: 0, length: 6) { Double($0.scoreRank * $0.valueRank) }
        #expect(first.scoreRank == 3 && first.valueRank == 5 && first.other == 18)
        #expect(levels.means(sequence: 0, segment: 1, length: 6) { _ in 1 }.scoreRank == 6)
    }
}
