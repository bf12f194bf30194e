import Kernels
import Model
import Testing

/// Near and first keys at all columns, far keys at a level, under one softmax.
@Suite struct ExactTokensTests {
    struct Case: CustomTestStringConvertible {
        let length, segment, recent, first, headWidth: Int
        var testDescription: String { "L \(length) T \(segment), \(recent) recent, first \(first), d \(headWidth)" }
        var exact: ExactTokens { ExactTokens(recent: recent, first: first) }
    }

    /// Segments that end at and beside the kernels' blocks and panels; first tokens of none, a few, and beyond a segment.
    static let cases = [
        Case(length: 1, segment: 1, recent: 0, first: 0, headWidth: 4),
        Case(length: 70, segment: 5, recent: 1, first: 4, headWidth: 7),
        Case(length: 133, segment: 16, recent: 0, first: 0, headWidth: 16),
        Case(length: 133, segment: 16, recent: 2, first: 3, headWidth: 33),
        Case(length: 300, segment: 32, recent: 1, first: 40, headWidth: 20),
        Case(length: 400, segment: 128, recent: 0, first: 4, headWidth: 64),
        Case(length: 517, segment: 128, recent: 1, first: 4, headWidth: 64),
        Case(length: 290, segment: 97, recent: 0, first: 200, headWidth: 9),
        Case(length: 260, segment: 200, recent: 0, first: 1, headWidth: 12),
    ]
    static let sequences = 2, heads = 2

    /// The far positions say what the definition says.
    @Test(arguments: cases) func farKeysAreThoseBetween(own: Case) {
        for position in 0..<own.length {
            let far = own.exact.far(of: position, segment: own.segment)
            let nearest = (position / own.segment - own.recent) * own.segment
            for key in 0...position { #expect(far.contains(key) == (key >= own.first && key < nearest)) }
        }
        let tiles = own.exact.tiles(length: own.length, segment: own.segment, most: 24)
        #expect(tiles.flatMap { Array($0) } == Array(0..<own.length) && tiles.allSatisfy { $0.count <= 24 })
        for position in 0..<own.length {
            let far = own.exact.far(of: position, segment: own.segment)
            #expect(tiles.allSatisfy { tile in Set(tile.map(far.contains)).count == 1 })
        }
    }

    @Test(arguments: cases, [0, 0.3] as [Float]) func agreesWithFloat64(own: Case, rate: Float) {
        let d = own.headWidth, H = Self.heads, L = own.length, rows = Self.sequences * L, width = H * d
        let levels = [(1, 1), (max(1, d / 3), max(1, d / 2)), (d, max(1, d / 4)), (max(1, d / 2), d), (d, d)].map {
            AttentionLevel(scoreRank: $0.0, valueRank: $0.1)
        }
        let segments = (L + own.segment - 1) / own.segment
        let chosen = SegmentLevels(
            segment: own.segment, segments: segments,
            levels: (0..<(Self.sequences * segments)).map { levels[($0 / segments + 2 * ($0 % segments)) % 5] },
            exact: own.exact)
        let qkv = SampleValues.uniform(rows * 3 * width, seed: 1, scale: 2)
        let dout = SampleValues.uniform(rows * width, seed: 2)
        let batch = SampleValues.microBatch(sequences: Self.sequences, length: L, vocabulary: 5, seed: 3)
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
        let expected = judge.forward(qkv.doubles), gradient = judge.backward(dout: dout.doubles, qkv: qkv.doubles)
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 77, step: 5) : nil
        let shape = AttentionShape(heads: H, headWidth: d)
        func heads(_ buffer: Buffer<Float>) -> HeadRows { HeadRows(buffer, rowStride: width, headStride: d) }
        for instructions in InstructionSet.available {
            var outputs: [[Float]] = []
            for threads in [1, 3] {
                let team = Team(threads: threads)
                let attention = Attention(shape, team: team, instructions: instructions)
                let out = Guarded(unwritten: rows * width), lse = Guarded(unwritten: rows * H)
                let dqkv = Guarded(unwritten: rows * 3 * width)
                let operands = Attention.Operands(qkv: Buffer(qkv), shape)
                attention.forward(
                    operands, out: heads(out.values), lse: lse.values, levels: chosen, batch: batch, dropout: dropout,
                    layer: 2, on: team)
                attention.backward(
                    operands, out: heads(out.values), lse: lse.values, dout: heads(Buffer(dout)),
                    gradients: Attention.Operands(qkv: dqkv.values, shape),
                    delta: Buffer(count: rows * H, repeating: .nan), levels: chosen, batch: batch, dropout: dropout,
                    layer: 2, on: team)
                #expect(relativeError(out.array, expected.out) < 5e-6)
                #expect(relativeError(lse.array, expected.lse) < 2e-6)
                for part in 0..<3 {
                    func columns<T>(_ x: [T]) -> [T] { x.indices.filter { $0 / width % 3 == part }.map { x[$0] } }
                    let own = columns(gradient)
                    if own.contains(where: { abs($0) > 1e-9 }) {
                        #expect(relativeError(columns(dqkv.array), own) < 1e-5, "part \(part)")
                    }
                }
                #expect([out, lse, dqkv].areIntact)
                outputs.append(out.array + dqkv.array)
            }
            #expect(outputs[0] == outputs[1])
        }
    }

    /// Where everything is exact, or levels are d:d, it is full attention to the last bit.
    @Test(arguments: cases) func nothingFarIsFullAttention(own: Case) {
        let d = own.headWidth, H = Self.heads, L = own.length, rows = Self.sequences * L, width = H * d
        let shape = AttentionShape(heads: H, headWidth: d), team = Team(threads: 2)
        let qkv = Buffer(SampleValues.uniform(rows * 3 * width, seed: 4, scale: 2))
        let batch = SampleValues.microBatch(sequences: Self.sequences, length: L, vocabulary: 5, seed: 3)
        let attention = Attention(shape, team: team), segments = (L + own.segment - 1) / own.segment
        func out(_ exact: ExactTokens?, _ level: AttentionLevel) -> [Float] {
            let out = Guarded(unwritten: rows * width), lse = Guarded(unwritten: rows * H)
            attention.forward(
                Attention.Operands(qkv: qkv, shape), out: HeadRows(out.values, rowStride: width, headStride: d),
                lse: lse.values,
                levels: SegmentLevels(
                    segment: own.segment, segments: segments,
                    levels: Array(repeating: level, count: Self.sequences * segments), exact: exact),
                batch: batch, dropout: nil, layer: 0, on: team)
            return out.array
        }
        let full = AttentionLevel(scoreRank: d, valueRank: d), least = AttentionLevel(scoreRank: 1, valueRank: 1)
        let plain = out(nil, full)
        #expect(out(ExactTokens(recent: segments, first: 0), least) == plain)
        #expect(out(ExactTokens(recent: 0, first: L), least) == plain)
        // Far keys come first there, so that sums are in another order.
        #expect(zip(out(own.exact, full), plain).allSatisfy { abs($0 - $1) < 1e-5 })
    }
}
