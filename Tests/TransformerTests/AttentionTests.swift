import Kernels
import Testing
import Transformer

@Suite struct AttentionTests {
    struct Shape: CustomTestStringConvertible {
        let sequences, length, heads, headWidth: Int
        var testDescription: String { "B \(sequences) L \(length) H \(heads) d \(headWidth)" }
        var rows: Int { sequences * length }
        var width: Int { heads * headWidth }
    }

    /// Lengths at and about the edges of the tiles (128 queries, 256 keys), head widths with and without tails.
    static let shapes = [
        Shape(sequences: 1, length: 1, heads: 1, headWidth: 1), Shape(sequences: 3, length: 7, heads: 2, headWidth: 7),
        Shape(sequences: 2, length: 64, heads: 3, headWidth: 16), Shape(sequences: 2, length: 65, heads: 1, headWidth: 65),
        Shape(sequences: 1, length: 127, heads: 2, headWidth: 5), Shape(sequences: 1, length: 128, heads: 2, headWidth: 64),
        Shape(sequences: 2, length: 129, heads: 2, headWidth: 8), Shape(sequences: 1, length: 255, heads: 1, headWidth: 17),
        Shape(sequences: 1, length: 256, heads: 2, headWidth: 1), Shape(sequences: 2, length: 257, heads: 2, headWidth: 33),
        Shape(sequences: 1, length: 384, heads: 1, headWidth: 9), Shape(sequences: 1, length: 385, heads: 1, headWidth: 4),
        Shape(sequences: 1, length: 1000, heads: 1, headWidth: 7),
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
        _ shape: Shape, qkv: [Float], dout: [Float], dropout: Dropout?, layer: Int = 2, threads: Int
    ) -> Result {
        let team = Team(threads: threads)
        let attention = Attention(heads: shape.heads, headWidth: shape.headWidth, team: team)
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

        let results = [1, 2].map { Self.run(shape, qkv: qkv, dout: dout, dropout: dropout, threads: $0) }
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
        #expect(results[0].out.array == results[1].out.array)
        #expect(results[0].lse.array == results[1].lse.array)
        #expect(results[0].dqkv.array == results[1].dqkv.array)
        #expect(results.allSatisfy { $0.isIntact })
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
        #expect(a.out.array[..<(changed * width)] == b.out.array[..<(changed * width)])
        #expect(a.out.array[(changed * width)...] != b.out.array[(changed * width)...])
        for h in 0..<shape.heads {
            let first = h * shape.length
            #expect(a.lse.array[first..<(first + changed)] == b.lse.array[first..<(first + changed)])
        }
        #expect(a.dqkv.array[..<(changed * 3 * width)] == b.dqkv.array[..<(changed * 3 * width)])
        #expect(a.dqkv.array[(changed * 3 * width)...].allSatisfy { $0 == 0 })
    }

    /// A NaN in a score reaches the output: it must not be masked by the running maximum.
    @Test func notANumberIsNotHidden() {
        let shape = Shape(sequences: 1, length: 20, heads: 1, headWidth: 4)
        var qkv = SampleValues.uniform(shape.rows * 12, seed: 1)
        qkv[10 * 12] = .nan
        let result = Self.run(shape, qkv: qkv, dout: [Float](repeating: 1, count: 80), dropout: nil, threads: 1)
        #expect(result.out.array[..<40].allSatisfy { $0.isFinite })
        #expect(result.out.array[40..<44].allSatisfy { $0.isNaN })
    }
}
