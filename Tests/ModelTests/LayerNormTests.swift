import Kernels
import Model
import Testing

@Suite struct LayerNormTests {
    static let widths = [1, 7, 64, 65, 127, 128, 129, 257, 1000]

    @Test(arguments: widths, [1, 2, 3])
    func agreesWithFloat64(width: Int, threads: Int) {
        let team = Team(threads: threads)
        for rows in [1, 7, 65] {
            // One row far from zero, where a one-pass variance would fail.
            var values = SampleValues.uniform(rows * width, seed: 1, scale: 2)
            for i in 0..<width { values[i] += 300 }
            let x = Buffer(values)
            let gamma = Buffer(SampleValues.uniform(width, seed: 2, centre: 1))
            let beta = Buffer(SampleValues.uniform(width, seed: 3))
            let dy = Buffer(SampleValues.uniform(rows * width, seed: 4))
            let y = Guarded(unwritten: rows * width), again = Guarded(unwritten: rows * width)
            let mean = Guarded(unwritten: rows), rstd = Guarded(unwritten: rows)
            layerNormForward(
                x, gamma: gamma, beta: beta, into: y.values, mean: mean.values, rstd: rstd.values, rows: rows, on: team)
            layerNormAgain(
                x, gamma: gamma, beta: beta, into: again.values, mean: mean.values, rstd: rstd.values, rows: rows,
                on: team)
            let expected = Reference.layerNorm(values.doubles, gamma: gamma.array.doubles, beta: beta.array.doubles)
            // Row 0 loses the digits that 300 takes.
            #expect(relativeError(y.array, expected) < 1e-4, "\(rows) rows")
            #expect(relativeError(Array(y.array[width...]), Array(expected[width...])) < 1e-5, "\(rows) rows")
            #expect(again.array == y.array)

            // Gradients are added to what is there.
            let before = SampleValues.uniform(rows * width, seed: 5)
            let dx = Guarded(before)
            let dgamma = Guarded([Float](repeating: 2, count: width))
            let dbeta = Guarded([Float](repeating: -3, count: width))
            layerNormBackward(
                dy: dy, x: x, gamma: gamma, mean: mean.values, rstd: rstd.values, dx: dx.values,
                dgamma: dgamma.values, dbeta: dbeta.values, rows: rows, on: team)
            let g = Reference.layerNormBackward(dy: dy.array.doubles, x: values.doubles, gamma: gamma.array.doubles)
            #expect(relativeError(dx.array, before.doubles + g.dx) < 1e-4, "\(rows) rows")
            #expect(
                relativeError(Array(dx.array[width...]), Array((before.doubles + g.dx)[width...])) < 1e-5,
                "\(rows) rows")
            #expect(relativeError(dgamma.array, g.dgamma.map { $0 + 2 }) < 1e-5, "\(rows) rows")
            #expect(relativeError(dbeta.array, g.dbeta.map { $0 - 3 }) < 1e-5, "\(rows) rows")
            #expect([y, again, mean, rstd, dx, dgamma, dbeta].areIntact)
        }
    }

    /// Who computes a row does not change it, nor the gain's and bias's sums.
    @Test(arguments: [65, 256, 600]) func threadsChangeNothing(rows: Int) {
        let width = 127
        let x = Buffer(SampleValues.uniform(rows * width, seed: 1))
        let gamma = Buffer(SampleValues.uniform(width, seed: 2)), beta = Buffer(SampleValues.uniform(width, seed: 3))
        let results = [1, 2, 3].map { threads in
            let team = Team(threads: threads)
            let y = Buffer<Float>(count: rows * width, repeating: .nan)
            let mean = Buffer<Float>(count: rows, repeating: .nan), rstd = Buffer<Float>(count: rows, repeating: .nan)
            layerNormForward(x, gamma: gamma, beta: beta, into: y, mean: mean, rstd: rstd, rows: rows, on: team)
            let dx = Buffer<Float>(count: rows * width, repeating: 0)
            let dgamma = Buffer<Float>(count: width, repeating: 0), dbeta = Buffer<Float>(count: width, repeating: 0)
            layerNormBackward(
                dy: y, x: x, gamma: gamma, mean: mean, rstd: rstd, dx: dx, dgamma: dgamma, dbeta: dbeta, rows: rows,
                on: team)
            return y.array + mean.array + rstd.array + dx.array + dgamma.array + dbeta.array
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}
