import Kernels
import Model
import Testing

@Suite struct HeadTests {
    struct Shape: CustomTestStringConvertible {
        let rows, width, vocabulary: Int
        var testDescription: String { "M \(rows) D \(width) V \(vocabulary)" }
    }

    /// Vocabularies at and about 16 lanes and the 1024 columns after which sums are flushed; the last takes two tiles.
    static let shapes = [
        Shape(rows: 1, width: 1, vocabulary: 1), Shape(rows: 7, width: 7, vocabulary: 7),
        Shape(rows: 65, width: 64, vocabulary: 65), Shape(rows: 127, width: 65, vocabulary: 127),
        Shape(rows: 129, width: 33, vocabulary: 128), Shape(rows: 64, width: 16, vocabulary: 129),
        Shape(rows: 33, width: 127, vocabulary: 257), Shape(rows: 65, width: 31, vocabulary: 1000),
        Shape(rows: 5, width: 8, vocabulary: 1024), Shape(rows: 5, width: 8, vocabulary: 1025),
        Shape(rows: 3, width: 9, vocabulary: 2055), Shape(rows: 70, width: 2, vocabulary: 131_075),
    ]

    /// The map to logits by an embedding, [V, D], whose gradient is added to `gradient`.
    static func map(_ embedding: [Float], _ gradient: Buffer<Float>?, _ V: Int, _ D: Int) -> Linear {
        func matrix(_ values: Buffer<Float>) -> Matrix { Matrix(values, rows: V, columns: D).transposed }
        return Linear(
            weight: matrix(Buffer(embedding)), bias: nil,
            weightGradient: matrix(gradient ?? Buffer(count: V * D, repeating: 0)), biasGradient: nil, kind: .head)
    }

    @Test(arguments: shapes, [1, 2])
    func agreesWithFloat64(shape: Shape, threads: Int) {
        let (rows, width, vocabulary) = (shape.rows, shape.width, shape.vocabulary)
        let team = Team(threads: threads)
        let x = SampleValues.uniform(rows * width, seed: 1, scale: 3)
        let embedding = SampleValues.uniform(vocabulary * width, seed: 2)
        let targets = SampleValues.microBatch(sequences: 1, length: rows, vocabulary: vocabulary, seed: 3).targets
        let X = Matrix(Buffer(x), rows: rows, columns: width)
        let dembedding = Guarded(embedding)
        let head = Head(Self.map(embedding, dembedding.values, vocabulary, width), rows: rows)

        let logits = Reference.tiedLogits(x.doubles, embedding: embedding.doubles, width: width)
        let (losses, dlogits) = Reference.crossEntropy(logits, targets: targets.array)
        let g = Reference.tiedLogitsBackward(
            dlogits: dlogits, x: x.doubles, embedding: embedding.doubles, width: width)
        let total = losses.reduce(0, +)

        let nll = Buffer<Double>(count: rows + 1, repeating: .nan)
        head.forward(X, targets: targets, into: nll, on: team)
        #expect(relativeError(nll.array[..<rows].map { Float($0) }, losses) < 2e-6)
        #expect(nll[rows].isNaN)
        for row in 0..<rows where targets[row] < 0 { #expect(nll[row] == 0) }

        let scale: Float = 0.125
        let dx = Guarded(unwritten: rows * width)
        let sum = head.forwardBackward(
            X, targets: targets, scale: scale, dx: Matrix(dx.values, rows: rows, columns: width), on: team)
        #expect(abs(sum - total) <= 1e-6 * max(total, 1e-6))
        #expect(relativeError(dx.array, g.dx * 0.125) < 3e-6 || vocabulary == 1)
        #expect(relativeError(dembedding.array, embedding.doubles + g.dembedding * 0.125) < 2e-6)
        for row in 0..<rows where targets[row] < 0 {
            #expect(dx.array[(row * width)..<((row + 1) * width)].allSatisfy { $0 == 0 })
        }
        #expect([dx, dembedding].areIntact)
    }

    /// Logits of ±10⁴ neither overflow nor lose the loss.
    @Test func extremeLogits() {
        let embedding: [Float] = [1, -1, 0.5]
        let X = Matrix(Buffer<Float>([1e4, -1e4]), rows: 2, columns: 1)
        let nll = Buffer<Double>(count: 2, repeating: .nan)
        Head(Self.map(embedding, nil, 3, 1), rows: 2).forward(
            X, targets: Buffer<Int32>([0, 0]), into: nll, on: Team(threads: 1))
        #expect(nll.array == [0, 2e4])
    }

    @Test func notANumberReachesTheLoss() {
        let X = Matrix(Buffer<Float>([.nan, 1]), rows: 2, columns: 1)
        let nll = Buffer<Double>(count: 2, repeating: 0)
        Head(Self.map([1, 2, 3], nil, 3, 1), rows: 2).forward(
            X, targets: Buffer<Int32>([0, 0]), into: nll, on: Team(threads: 1))
        #expect(nll[0].isNaN && nll[1].isFinite)
    }

    @Test func aTargetOutsideTheVocabularyIsRefused() async {
        await #expect(processExitsWith: .failure) {
            let X = Matrix(Buffer<Float>([1]), rows: 1, columns: 1)
            Head(HeadTests.map([1, 2, 3], nil, 3, 1), rows: 1).forward(
                X, targets: Buffer<Int32>([3]), into: Buffer(count: 1, repeating: 0), on: Team(threads: 1))
        }
    }
}
