import Kernels
import Model
import Testing

@Suite struct EmbeddingTests {
    @Test(arguments: [1, 7, 64, 65, 127, 1000], [1, 2, 3])
    func agreesWithFloat64(width: Int, threads: Int) {
        let team = Team(threads: threads)
        let vocabulary = 11, context = 9
        for length in [1, 7, 9] {
            // More rows than tokens: rows of the table are added to more than once.
            let batch = SampleValues.microBatch(sequences: 4, length: length, vocabulary: vocabulary, seed: 1)
            let tokenTable = SampleValues.uniform(vocabulary * width, seed: 2)
            let positionTable = SampleValues.uniform(context * width, seed: 3)
            let x = Guarded(unwritten: batch.rows * width)
            embeddingForward(
                batch, tokenTable: Matrix(Buffer(tokenTable), rows: vocabulary, columns: width),
                positionTable: Matrix(Buffer(positionTable), rows: context, columns: width), into: x.values, on: team)
            let expected = Reference.embedding(
                tokens: batch.tokens.array, length: length, tokenTable: tokenTable.doubles,
                positionTable: positionTable.doubles, width: width)
            #expect(relativeError(x.array, expected) < 1e-7)

            let dx = SampleValues.uniform(batch.rows * width, seed: 4)
            let dtokens = Guarded(tokenTable), dpositions = Guarded(positionTable)
            tokenEmbeddingBackward(
                batch.tokens, dx: Buffer(dx), tokenTable: Matrix(dtokens.values, rows: vocabulary, columns: width), on: team)
            positionEmbeddingBackward(
                batch, dx: Buffer(dx), positionTable: Matrix(dpositions.values, rows: context, columns: width), on: team)
            let g = Reference.embeddingBackward(
                dx: dx.doubles, tokens: batch.tokens.array, length: length, tokenTable: tokenTable.doubles,
                positionTable: positionTable.doubles, width: width)
            #expect(relativeError(dtokens.array, tokenTable.doubles + g.dtokens) < 1e-6)
            #expect(relativeError(dpositions.array, positionTable.doubles + g.dpositions) < 1e-6)
            #expect([x, dtokens, dpositions].areIntact)
        }
    }

    @Test func rowsWithoutATokenArePassedOver() {
        let table = Guarded([Float](repeating: 1, count: 6))
        tokenEmbeddingBackward(
            Buffer([2, -1, 2]), dx: Buffer([1, 2, 50, 60, 3, 4]), tokenTable: Matrix(table.values, rows: 3, columns: 2),
            on: Team(threads: 1))
        #expect(table.array == [1, 1, 1, 1, 5, 7] && table.isIntact)
    }

    @Test func aTokenOutsideTheTableIsRefused() async {
        await #expect(processExitsWith: .failure) {
            let batch = MicroBatch(
                sequences: 1, length: 1, tokens: Buffer<Int32>([5]), targets: Buffer<Int32>([0]), samples: [0])
            let table = Matrix(Buffer<Float>(count: 10, repeating: 0), rows: 5, columns: 2)
            embeddingForward(
                batch, tokenTable: table, positionTable: table, into: Buffer(count: 2, repeating: 0),
                on: Team(threads: 1))
        }
    }
}
