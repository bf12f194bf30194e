import Kernels
import Model
import Testing

@Suite struct LinearTests {
    /// A matrix of its own memory that views `values`, [rows, columns], as they are or as a transpose stored the other way.
    private static func matrix(_ values: Buffer<Float>, _ rows: Int, _ columns: Int, isTransposed: Bool) -> Matrix {
        isTransposed
            ? Matrix(values, rows: columns, columns: rows).transposed : Matrix(values, rows: rows, columns: columns)
    }

    /// `values`, [rows, columns], stored as [columns, rows] where asked.
    private static func stored(_ values: [Float], _ rows: Int, _ columns: Int, isTransposed: Bool) -> [Float] {
        isTransposed ? (0..<values.count).map { values[$0 % rows * columns + $0 / rows] } : values
    }

    @Test(
        arguments: [(1, 1, 1), (7, 65, 1), (1, 7, 127), (64, 65, 64), (65, 127, 257), (129, 64, 7), (3, 33, 1000)],
        [(1, false), (2, false), (3, false), (1, true), (3, true)])
    func agreesWithFloat64(shape: (Int, Int, Int), run: (threads: Int, isTransposed: Bool)) {
        let (rows, inner, out) = shape, isTransposed = run.isTransposed
        let team = Team(threads: run.threads)
        let x = SampleValues.uniform(rows * inner, seed: 1), w = SampleValues.uniform(inner * out, seed: 2)
        let bias = SampleValues.uniform(out, seed: 3), dy = SampleValues.uniform(rows * out, seed: 4)
        let before = SampleValues.uniform(inner * out, seed: 5)
        let X = Matrix(Buffer(x), rows: rows, columns: inner), dY = Matrix(Buffer(dy), rows: rows, columns: out)
        let y = Guarded(unwritten: rows * out), dx = Guarded(unwritten: rows * inner)
        func map(_ dweight: Guarded, _ dbias: Guarded) -> Linear {
            Linear(
                weight: Self.matrix(
                    Buffer(Self.stored(w, inner, out, isTransposed: isTransposed)), inner, out, isTransposed: isTransposed),
                bias: Buffer(bias),
                weightGradient: Self.matrix(dweight.values, inner, out, isTransposed: isTransposed),
                biasGradient: dbias.values, kind: .feedForward)
        }
        let start = Self.stored(before, inner, out, isTransposed: isTransposed)
        let dweight = Guarded(start), dbias = Guarded(bias), own = map(dweight, dbias)
        own.forward(X, into: Matrix(y.values, rows: rows, columns: out), on: team)
        let expected = Reference.linear(x.doubles, weight: w.doubles, bias: bias.doubles)
        #expect(relativeError(y.array, expected) < 2e-6)

        own.backward(dy: dY, x: X, dx: Matrix(dx.values, rows: rows, columns: inner), on: team)
        let g = Reference.linearBackward(dy: dy.doubles, x: x.doubles, weight: w.doubles, out: out)
        let gradient = Self.stored(dweight.array, out, inner, isTransposed: isTransposed)
        #expect(relativeError(dx.array, g.dx) < 2e-6)
        #expect(relativeError(gradient, before.doubles + g.dweight) < 2e-6)
        #expect(relativeError(dbias.array, bias.doubles + g.dbias) < 2e-6)

        // Without dx the others are the same.
        let weightOnly = Guarded(start), biasOnly = Guarded(bias)
        map(weightOnly, biasOnly).backward(dy: dY, x: X, dx: nil, on: team)
        #expect(weightOnly.array == dweight.array && biasOnly.array == dbias.array)
        #expect([y, dweight, dbias, dx, weightOnly, biasOnly].areIntact)
    }

    /// Some outputs are a map of their own, and have their part of the gradients.
    @Test func someOutputsAreAMap() {
        let (rows, inner, out) = (5, 6, 9), part = 2..<6, team = Team(threads: 1)
        let x = SampleValues.uniform(rows * inner, seed: 1), w = SampleValues.uniform(inner * out, seed: 2)
        let X = Matrix(Buffer(x), rows: rows, columns: inner)
        let dweight = Guarded([Float](repeating: 0, count: inner * out))
        let whole = Linear(
            weight: Matrix(Buffer(w), rows: out, columns: inner).transposed, bias: nil,
            weightGradient: Matrix(dweight.values, rows: out, columns: inner).transposed, biasGradient: nil, kind: .projections)
        let all = Buffer<Float>(count: rows * out, repeating: 0), own = Buffer<Float>(count: rows * part.count, repeating: 0)
        whole.forward(X, into: Matrix(all, rows: rows, columns: out), on: team)
        let map = whole.outputs(part, as: .upkeep)
        map.forward(X, into: Matrix(own, rows: rows, columns: part.count), on: team)
        for row in 0..<rows {
            for (i, column) in part.enumerated() {
                #expect(abs(own[row * part.count + i] - all[row * out + column]) < 1e-6)
            }
        }
        #expect(team.flops[.upkeep] == 2 * rows * inner * part.count)
        map.backward(dy: Matrix(own, rows: rows, columns: part.count), x: X, dx: nil, on: team)
        for column in 0..<out {
            let gradient = dweight.array[(column * inner)..<((column + 1) * inner)]
            #expect(gradient.contains { $0 != 0 } == part.contains(column))
        }
    }

    @Test(arguments: [1, 7, 64, 65, 127, 511, 512, 513, 1000, 1030], [1, 2, 3])
    func biasGradientSumsStridedRows(columns: Int, threads: Int) {
        let rows = 37, stride = columns + 5
        let dy = SampleValues.uniform(rows * stride, seed: 1)
        let dbias = Guarded([Float](repeating: 1, count: columns))
        let none = Matrix(Buffer(count: columns, repeating: 0), rows: 1, columns: columns)
        Linear(
            weight: none, bias: dbias.values, weightGradient: none, biasGradient: dbias.values, kind: .projections
        ).addBiasGradient(
            Matrix(Buffer(dy), rows: rows, columns: columns, stride: stride), on: Team(threads: threads))
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
