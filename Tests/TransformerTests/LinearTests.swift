import Kernels
import Testing
import Transformer

@Suite struct LinearTests {
    @Test(arguments: [(1, 1, 1), (7, 65, 1), (1, 7, 127), (64, 65, 64), (65, 127, 257), (129, 64, 7), (3, 33, 1000)], [1, 2, 3])
    func agreesWithFloat64(shape: (Int, Int, Int), threads: Int) {
        let (rows, inner, out) = shape
        let team = Team(threads: threads)
        let x = SampleValues.uniform(rows * inner, seed: 1), w = SampleValues.uniform(inner * out, seed: 2)
        let bias = SampleValues.uniform(out, seed: 3), dy = SampleValues.uniform(rows * out, seed: 4)
        let X = Matrix(Buffer(x), rows: rows, columns: inner), W = Matrix(Buffer(w), rows: inner, columns: out)
        let y = Guarded(unwritten: rows * out)
        linearForward(X, weight: W, bias: Buffer(bias), into: y.values, .feedForward, on: team)
        let expected = Reference.linear(x.doubles, weight: w.doubles, bias: bias.doubles)
        #expect(relativeError(y.array, expected) < 2e-6)

        let before = SampleValues.uniform(inner * out, seed: 5)
        let dweight = Guarded(before), dbias = Guarded(bias), dx = Guarded(unwritten: rows * inner)
        let dY = Matrix(Buffer(dy), rows: rows, columns: out)
        linearBackward(
            dy: dY, x: X, weight: W, dweight: Matrix(dweight.values, rows: inner, columns: out), dbias: dbias.values,
            dx: Matrix(dx.values, rows: rows, columns: inner), .feedForward, on: team)
        let g = Reference.linearBackward(dy: dy.doubles, x: x.doubles, weight: w.doubles, out: out)
        #expect(relativeError(dx.array, g.dx) < 2e-6)
        #expect(relativeError(dweight.array, before.doubles + g.dweight) < 2e-6)
        #expect(relativeError(dbias.array, bias.doubles + g.dbias) < 2e-6)

        // Without dx the others are the same.
        let weightOnly = Guarded(before), biasOnly = Guarded(bias)
        linearBackward(
            dy: dY, x: X, weight: W, dweight: Matrix(weightOnly.values, rows: inner, columns: out),
            dbias: biasOnly.values, dx: nil, .feedForward, on: team)
        #expect(weightOnly.array == dweight.array && biasOnly.array == dbias.array)
        #expect([y, dweight, dbias, dx, weightOnly, biasOnly].areIntact)
    }

    @Test(arguments: [1, 7, 64, 65, 127, 511, 512, 513, 1000, 1030], [1, 2, 3])
    func biasGradientSumsStridedRows(columns: Int, threads: Int) {
        let rows = 37, stride = columns + 5
        let dy = SampleValues.uniform(rows * stride, seed: 1)
        let dbias = Guarded([Float](repeating: 1, count: columns))
        biasBackward(
            dy: Matrix(Buffer(dy), rows: rows, columns: columns, stride: stride), dbias: dbias.values,
            on: Team(threads: threads))
        let expected = (0..<columns).map { c in (0..<rows).reduce(1.0) { $0 + Double(dy[$1 * stride + c]) } }
        #expect(relativeError(dbias.array, expected) < 1e-6)
        #expect(dbias.isIntact)
    }

    @Test(arguments: [1, 7, 64, 65, 127, 1000], [1, 2, 3])
    func residualAddsBranchAndBias(width: Int, threads: Int) {
        let rows = 5
        let y = SampleValues.uniform(rows * width, seed: 1), residual = SampleValues.uniform(rows * width, seed: 2)
        let bias = SampleValues.uniform(width, seed: 3)
        let out = Guarded(unwritten: rows * width)
        residualForward(
            Buffer(y), bias: Buffer(bias), residual: Buffer(residual), into: out.values, width: width,
            rows: rows, on: Team(threads: threads))
        let expected = y.indices.map { Double(residual[$0]) + Double(y[$0]) + Double(bias[$0 % width]) }
        #expect(relativeError(out.array, expected) < 1e-6)
        #expect(out.isIntact)
    }
}
