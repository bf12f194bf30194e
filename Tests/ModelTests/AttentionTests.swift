import Foundation
import Kernels
import Model
import Testing

@Suite struct AttentionTests {
    struct Shape: CustomTestStringConvertible {
        let sequences, length, heads, headWidth: Int
        var testDescription: String { "B \(sequences) L \(length) H \(heads) d \(headWidth)" }
        var rows: Int { sequences * length }
        var width: Int { heads * headWidth }
    }

    /// Lengths at and about the edges of blocks (12 rows, 32 keys) and tiles (120 queries and 256 keys; 96 and 192 backward),
    /// head widths with and without tails.
    static let shapes = [
        Shape(sequences: 1, length: 1, heads: 1, headWidth: 1), Shape(sequences: 3, length: 7, heads: 2, headWidth: 7),
        Shape(sequences: 2, length: 64, heads: 3, headWidth: 16), Shape(sequences: 2, length: 65, heads: 1, headWidth: 65),
        Shape(sequences: 1, length: 127, heads: 2, headWidth: 5), Shape(sequences: 1, length: 128, heads: 2, headWidth: 64),
        Shape(sequences: 2, length: 129, heads: 2, headWidth: 8), Shape(sequences: 1, length: 255, heads: 1, headWidth: 17),
        Shape(sequences: 1, length: 256, heads: 2, headWidth: 1), Shape(sequences: 2, length: 257, heads: 2, headWidth: 33),
        Shape(sequences: 1, length: 384, heads: 1, headWidth: 9), Shape(sequences: 1, length: 385, heads: 1, headWidth: 4),
        Shape(sequences: 1, length: 1000, heads: 1, headWidth: 7),
        Shape(sequences: 3, length: 12, heads: 1, headWidth: 48), Shape(sequences: 2, length: 13, heads: 1, headWidth: 32),
        Shape(sequences: 1, length: 33, heads: 3, headWidth: 31), Shape(sequences: 1, length: 96, heads: 1, headWidth: 20),
        Shape(sequences: 1, length: 121, heads: 1, headWidth: 80), Shape(sequences: 1, length: 192, heads: 1, headWidth: 128),
        Shape(sequences: 1, length: 205, heads: 3, headWidth: 49),
    ]

    private static func batch(_ shape: Shape) -> MicroBatch {
        SampleValues.microBatch(sequences: shape.sequences, length: shape.length, vocabulary: 5, seed: 3)
    }

    /// What the kernel gives for these inputs, into NaN-filled buffers.
    struct Result {
        let out, lse, dqkv: Guarded
        var isIntact: Bool { [out, lse, dqkv].areIntact }
    }

    private static func run(
        _ shape: Shape, qkv: [Float], dout: [Float], dropout: Dropout?, layer: Int = 2, threads: Int,
        instructions: InstructionSet = .widest
    ) -> Result {
        let team = Team(threads: threads)
        let attention = Attention(
            AttentionShape(heads: shape.heads, headWidth: shape.headWidth), team: team, instructions: instructions)
        let result = Result(
            out: Guarded(unwritten: shape.rows * shape.width), lse: Guarded(unwritten: shape.rows * shape.heads),
            dqkv: Guarded(unwritten: shape.rows * 3 * shape.width))
        attention.forward(
            qkv: Buffer(qkv), out: result.out.values, lse: result.lse.values, batch: batch(shape), dropout: dropout,
            layer: layer, on: team)
        attention.backward(
            qkv: Buffer(qkv), out: result.out.values, lse: result.lse.values, dout: Buffer(dout),
            dqkv: result.dqkv.values, delta: Buffer(count: shape.rows * shape.heads, repeating: .nan),
            batch: batch(shape), dropout: dropout, layer: layer, on: team)
        return result
    }

    private static func judge(_ shape: Shape, dropout: Reference.Dropout?, layer: Int = 2) -> Reference.Attention {
        var attention = Reference.Attention(
            sequences: shape.sequences, length: shape.length, heads: shape.heads, headWidth: shape.headWidth)
        if let dropout {
            let samples = batch(shape).samples
            attention.factor = { b, h, i, j in
                dropout.factor(.attention, layer: layer, head: h, sample: samples[b], row: i, column: j)
            }
        }
        return attention
    }

    @Test(arguments: shapes, [0, 0.3] as [Float])
    func agreesWithFloat64(shape: Shape, rate: Float) {
        let qkv = SampleValues.uniform(shape.rows * 3 * shape.width, seed: 1, scale: 2)
        let dout = SampleValues.uniform(shape.rows * shape.width, seed: 2)
        let judge = Self.judge(shape, dropout: rate > 0 ? Reference.Dropout(rate: rate, seed: 77, step: 5) : nil)
        let expected = judge.forward(qkv.doubles)
        let gradient = judge.backward(dout: dout.doubles, qkv: qkv.doubles)
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 77, step: 5) : nil

        for instructions in InstructionSet.available {
            let results = [1, 2, 3].map {
                Self.run(shape, qkv: qkv, dout: dout, dropout: dropout, threads: $0, instructions: instructions)
            }
            #expect(relativeError(results[0].out.array, expected.out) < 3e-6)
            #expect(relativeError(results[0].lse.array, expected.lse) < 1e-6)
            #expect(relativeError(results[0].dqkv.array, gradient) < 5e-6)
            // Each head's queries, keys and values on their own: a small part must not hide behind a large one.
            for part in 0..<3 {
                func columns<T>(_ x: [T]) -> [T] {
                    x.indices.filter { $0 / shape.width % 3 == part }.map { x[$0] }
                }
                let expectedPart = columns(gradient)
                if expectedPart.contains(where: { abs($0) > 1e-9 }) {
                    #expect(relativeError(columns(results[0].dqkv.array), expectedPart) < 1e-5, "part \(part)")
                }
            }
            // A tile's result does not depend on the thread that computes it.
            for other in results[1...] {
                #expect(results[0].out.array.elementsEqual(other.out.array))
                #expect(results[0].lse.array.elementsEqual(other.lse.array))
                #expect(results[0].dqkv.array.elementsEqual(other.dqkv.array))
            }
            #expect(results.allSatisfy { $0.isIntact })
        }
    }

    /// Scores in the hundreds that grow along the sequence: the running maximum changes in every tile.
    @Test func largeGrowingScores() {
        let shape = Shape(sequences: 1, length: 300, heads: 1, headWidth: 4)
        var qkv = SampleValues.uniform(shape.rows * 12, seed: 1, scale: 1)
        for t in 0..<shape.length {
            for c in 0..<4 {
                qkv[t * 12 + c] += 4
                qkv[t * 12 + 4 + c] += Float(t) * 0.1
            }
        }
        let dout = SampleValues.uniform(shape.rows * 4, seed: 2)
        let judge = Self.judge(shape, dropout: nil)
        let result = Self.run(shape, qkv: qkv, dout: dout, dropout: nil, threads: 2)
        let expected = judge.forward(qkv.doubles)
        // A float score of 250 is off by 10⁻⁵, and so is the weight it gives.
        #expect(relativeError(result.out.array, expected.out) < 5e-5)
        #expect(relativeError(result.lse.array, expected.lse) < 1e-6)
        #expect(relativeError(result.dqkv.array, judge.backward(dout: dout.doubles, qkv: qkv.doubles)) < 2e-4)
    }

    /// Changing a token leaves everything before it bit for bit, forward and (with later gradients zero) backward.
    @Test(arguments: [1, 64, 127, 128, 129, 255, 256, 257, 299], [false, true])
    func laterTokensDoNotMatter(changed: Int, dropped: Bool) {
        let shape = Shape(sequences: 1, length: 300, heads: 2, headWidth: 16)
        let dropout = dropped ? Dropout(rate: 0.2, seed: 1, step: 1) : nil
        let qkv = SampleValues.uniform(shape.rows * 3 * shape.width, seed: 1, scale: 2)
        var other = qkv
        for i in (changed * 3 * shape.width)..<qkv.count { other[i] = -other[i] + 1 }
        var dout = SampleValues.uniform(shape.rows * shape.width, seed: 2)
        for i in (changed * shape.width)..<dout.count { dout[i] = 0 }
        let a = Self.run(shape, qkv: qkv, dout: dout, dropout: dropout, threads: 2)
        let b = Self.run(shape, qkv: other, dout: dout, dropout: dropout, threads: 2)
        let width = shape.width
        #expect(a.out.array[..<(changed * width)].elementsEqual(b.out.array[..<(changed * width)]))
        #expect(a.out.array[(changed * width)...] != b.out.array[(changed * width)...])
        for h in 0..<shape.heads {
            let first = h * shape.length
            #expect(a.lse.array[first..<(first + changed)].elementsEqual(b.lse.array[first..<(first + changed)]))
        }
        #expect(a.dqkv.array[..<(changed * 3 * width)].elementsEqual(b.dqkv.array[..<(changed * 3 * width)]))
        #expect(a.dqkv.array[(changed * 3 * width)...].allSatisfy { $0 == 0 })
    }

    /// What is not finite in queries, keys, values or the gradient reaches what it should: no maximum, clamp or mask hides it.
    @Test(arguments: InstructionSet.available, [Float.nan, .infinity, -.infinity])
    func notFiniteIsNotHidden(instructions: InstructionSet, value: Float) {
        let shape = Shape(sequences: 1, length: 20, heads: 1, headWidth: 4)
        let qkv = SampleValues.uniform(shape.rows * 12, seed: 1).map { abs($0) + 0.1 }
        let dout = SampleValues.uniform(shape.rows * 4, seed: 2)
        for part in 0..<4 {
            var qkv = qkv, dout = dout
            if part < 3 { qkv[10 * 12 + 4 * part] = value } else { dout[10 * 4] = value }
            let result = Self.run(shape, qkv: qkv, dout: dout, dropout: nil, threads: 1, instructions: instructions)
            let out = result.out.array
            #expect(part == 2 || out[..<40].allSatisfy { $0.isFinite }, "part \(part)")
            // One key of −∞ is a key that weighs nothing: in the softmax, if not in the gradients.
            let weighsNothing = part == 1 && value == -.infinity
            #expect(part == 3 || weighsNothing || out[40..<44].contains { !$0.isFinite }, "part \(part)")
            #expect(result.dqkv.array.contains { !$0.isFinite }, "part \(part)")
        }
    }

    /// The first of two keys weighs e⁻ˣ of the second.
    @Test(arguments: InstructionSet.available)
    func smallWeightsAreRight(instructions: InstructionSet) {
        let count = 2001, shape = Shape(sequences: count, length: 2, heads: 1, headWidth: 1)
        let x = (0..<count).map { Float($0) * 0.06 }
        // Rows of query, key and value; the key that weighs little comes first.
        let qkv = x.flatMap { [1, -$0, 1, 1, 0, 0] as [Float] }
        let result = Self.run(
            shape, qkv: qkv, dout: [Float](repeating: 0, count: 2 * count), dropout: nil, threads: 1,
            instructions: instructions)
        let wrong = x.indices.filter { i in
            let exact = exp(-Double(x[i])) / (1 + exp(-Double(x[i]))), weight = Double(result.out.values[2 * i + 1])
            // Rounding x log₂e is off by half a unit in its last place.
            return !(x[i] > 87 ? weight < 1e-37 : abs(weight - exact) <= 1e-5 * exact)
        }
        #expect(wrong.isEmpty, "at \(wrong.prefix(3).map { x[$0] })")
    }

    /// Levels that differ by sequence and segment, queries and outputs packed at them: each instruction set and number of
    /// threads against the widest on one.
    @Test(arguments: [(133, 40, 12), (300, 128, 40), (50, 7, 33)], [nil, 0.2] as [Float?])
    func mixedLevelsAgree(shape: (length: Int, segment: Int, headWidth: Int), rate: Float?) {
        let (L, d, H, B) = (shape.length, shape.headWidth, 3, 2), segments = (L + shape.segment - 1) / shape.segment
        let ranks = [(2, 3), (d - 2, d - 3), (d / 3, d / 2), (1, d - 3), (d - 2, 1)]
        let levels = SegmentLevels(
            segment: shape.segment, segments: segments,
            levels: (0..<(B * segments)).map { i in
                AttentionLevel(scoreRank: ranks[i * 3 % 5].0, valueRank: ranks[i * 3 % 5].1)
            })
        let batch = SampleValues.microBatch(sequences: B, length: L, vocabulary: 5, seed: 3), M = B * L
        let dropout = rate.map { Dropout(rate: $0, seed: 3, step: 1) }
        func rows(_ x: Guarded, _ headStride: Int?) -> HeadRows {
            HeadRows(x.values, rowStride: H * d, headStride: headStride)
        }
        func pass(_ instructions: InstructionSet, threads: Int) -> [[Float]] {
            let team = Team(threads: threads)
            let attention = Attention(AttentionShape(heads: H, headWidth: d), team: team, instructions: instructions)
            func given(_ seed: UInt64) -> HeadRows {
                HeadRows(
                    Buffer(SampleValues.uniform(M * H * d, seed: seed, scale: 2)), rowStride: H * d,
                    headStride: seed == 2 || seed == 3 ? d : nil)
            }
            let operands = Attention.Operands(queries: given(1), keys: given(2), values: given(3))
            let made = (0..<4).map { _ in Guarded(unwritten: M * H * d) }, lse = Guarded(unwritten: M * H)
            // Of outputs and queries' gradients what is beyond a segment's rank is not written.
            for x in made[..<2] { x.values.fill(0) }
            attention.forward(
                operands, out: rows(made[0], nil), lse: lse.values, levels: levels, batch: batch, dropout: dropout,
                layer: 1, on: team)
            // Segment by segment, each with what its own largest level reads of keys and values.
            let parts = Guarded([Float](repeating: 0, count: M * H * d))
            for first in stride(from: 0, to: L, by: shape.segment) {
                attention.forward(
                    operands, out: rows(parts, nil), lse: Buffer(uninitialized: M * H), levels: levels,
                    positions: first..<min(first + shape.segment, L), batch: batch, dropout: dropout, layer: 1, on: team)
            }
            #expect(parts.array == made[0].array)
            attention.backward(
                operands, out: rows(made[0], nil), lse: lse.values, dout: given(4),
                gradients: Attention.Operands(
                    queries: rows(made[1], nil), keys: rows(made[2], d), values: rows(made[3], d)),
                delta: Buffer(count: M * H, repeating: .nan), levels: levels, batch: batch, dropout: dropout, layer: 1,
                on: team)
            #expect(made.areIntact && lse.isIntact)
            return made.map(\.array) + [lse.array]
        }
        let expected = pass(.widest, threads: 1)
        #expect(pass(.widest, threads: 3).elementsEqual(expected))
        for instructions in InstructionSet.available {
            for (x, y) in zip(pass(instructions, threads: 2), expected) {
                #expect(relativeError(x, y.map { Double($0) }) < 5e-6, "\(instructions)")
            }
        }
    }
}
