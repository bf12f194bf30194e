import Kernels
import Model
import Testing

@Suite struct RMSNormTests {
    @Test func referenceAgreesWithFiniteDifferences() {
        let rows = 3, width = 7, epsilon = 0.1
        let x = SampleValues.uniform(rows * width, seed: 1).doubles
        let gain = SampleValues.uniform(width, seed: 2, centre: 1).doubles
        let dy = SampleValues.uniform(rows * width, seed: 3).doubles
        let g = Reference.rmsNormBackward(dy: dy, x: x, gain: gain, epsilon: epsilon)
        func loss(_ x: [Double], _ gain: [Double]) -> Double {
            dot(dy, Reference.rmsNorm(x, gain: gain, epsilon: epsilon))
        }
        #expect(gradientError(g.dx, finiteDifferences(at: x) { loss($0, gain) }) < 1e-7)
        #expect(gradientError(g.dgain, finiteDifferences(at: gain) { loss(x, $0) }) < 1e-7)
    }

    /// One row by hand: the mean of 3², 4² and 0² twice is 6.25, its root 2.5.
    @Test func byHand() {
        let y = Reference.rmsNorm([3, 4, 0, 0], gain: [1, 10, 1, 1], epsilon: 0)
        #expect(abs(y[0] - 3 / 2.5) < 1e-15 && abs(y[1] - 40 / 2.5) < 1e-14 && y[2] == 0 && y[3] == 0)
    }

    @Test(arguments: [1, 7, 64, 65, 127, 128, 129, 257, 576, 1000], [1, 2, 3])
    func agreesWithFloat64(width: Int, threads: Int) {
        let team = Team(threads: threads), epsilon: Float = 1e-2
        for rows in [1, 7, 65] {
            // One row far from zero, one so near that epsilon decides.
            var values = SampleValues.uniform(rows * width, seed: 1, scale: 2)
            for i in 0..<width { values[i] += 300 }
            for i in ((rows - 1) * width)..<(rows * width) where rows > 1 { values[i] *= 0.01 }
            let x = Buffer(values)
            let gain = Buffer(SampleValues.uniform(width, seed: 2, centre: 1))
            let dy = Buffer(SampleValues.uniform(rows * width, seed: 4))
            let y = Guarded(unwritten: rows * width), again = Guarded(unwritten: rows * width)
            let rstd = Guarded(unwritten: rows)
            rmsNormForward(
                x, gain: gain, epsilon: epsilon, into: y.values, rstd: rstd.values, rows: rows, on: team)
            rmsNormAgain(x, gain: gain, into: again.values, rstd: rstd.values, rows: rows, on: team)
            let expected = Reference.rmsNorm(values.doubles, gain: gain.array.doubles, epsilon: Double(epsilon))
            #expect(relativeError(y.array, expected) < 1e-6, "\(rows) rows")
            #expect(again.array == y.array)

            // Gradients are added to what is there.
            let before = SampleValues.uniform(rows * width, seed: 5)
            let dx = Guarded(before), dgain = Guarded([Float](repeating: 2, count: width))
            rmsNormBackward(
                dy: dy, x: x, gain: gain, rstd: rstd.values, dx: dx.values, dgain: dgain.values, rows: rows, on: team)
            let g = Reference.rmsNormBackward(
                dy: dy.array.doubles, x: values.doubles, gain: gain.array.doubles, epsilon: Double(epsilon))
            #expect(relativeError(dx.array, before.doubles + g.dx) < 1e-6, "\(rows) rows")
            #expect(relativeError(dgain.array, g.dgain.map { $0 + 2 }) < 2e-6, "\(rows) rows")
            #expect([y, again, rstd, dx, dgain].areIntact)
        }
    }

    /// Who computes a row does not change it, nor the gain's sums.
    @Test(arguments: [65, 256, 600]) func threadsChangeNothing(rows: Int) {
        let width = 127
        let x = Buffer(SampleValues.uniform(rows * width, seed: 1)), gain = Buffer(SampleValues.uniform(width, seed: 2))
        let results = [1, 2, 3].map { threads in
            let team = Team(threads: threads)
            let y = Buffer<Float>(count: rows * width, repeating: .nan), rstd = Buffer<Float>(count: rows, repeating: .nan)
            rmsNormForward(x, gain: gain, epsilon: 1e-5, into: y, rstd: rstd, rows: rows, on: team)
            let dx = Buffer<Float>(count: rows * width, repeating: 0), dgain = Buffer<Float>(count: width, repeating: 0)
            rmsNormBackward(dy: y, x: x, gain: gain, rstd: rstd, dx: dx, dgain: dgain, rows: rows, on: team)
            return y.array + rstd.array + dx.array + dgain.array
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}
