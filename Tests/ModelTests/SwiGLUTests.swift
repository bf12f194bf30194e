import Kernels
import Model
import Testing

@Suite struct SwiGLUTests {
    @Test func referenceAgreesWithFiniteDifferences() {
        let rows = 3, width = 5
        let hidden = SampleValues.uniform(rows * 2 * width, seed: 1, scale: 4).doubles
        let dy = SampleValues.uniform(rows * width, seed: 2).doubles
        let dhidden = Reference.swiGLUBackward(dy: dy, hidden: hidden, width: width)
        #expect(gradientError(dhidden, finiteDifferences(at: hidden) { dot(dy, Reference.swiGLU($0, width: width)) }) < 1e-7)
        // silu(1) = 1 / (1 + 1/e), by hand.
        #expect(abs(Reference.swiGLU([1, 3], width: 1)[0] - 3 * 0.731_058_578_6) < 1e-9)
    }

    @Test(arguments: [1, 7, 64, 65, 127, 257, 1000], [1, 2, 3])
    func agreesWithFloat64(width: Int, threads: Int) {
        let team = Team(threads: threads)
        for (rows, hasBias) in [(1, true), (7, false), (33, true)] {
            let before = SampleValues.uniform(rows * 2 * width, seed: 1, scale: 6)
            let bias = hasBias ? Buffer(SampleValues.uniform(2 * width, seed: 2)) : nil
            let hidden = Guarded(before), y = Guarded(unwritten: rows * width)
            swiGLUForward(hidden.values, bias: bias, into: y.values, width: width, rows: rows, on: team)
            let sums = before.indices.map { i in bias.map { before[i] + $0[i % (2 * width)] } ?? before[i] }
            #expect(hidden.array == sums)
            #expect(relativeError(y.array, Reference.swiGLU(sums.doubles, width: width)) < 1e-6)

            let dy = SampleValues.uniform(rows * width, seed: 3)
            let again = Guarded(dy), dhidden = Guarded(unwritten: before.count)
            swiGLUBackward(hidden.values, dy: again.values, into: dhidden.values, width: width, rows: rows, on: team)
            #expect(hidden.array == sums && again.array == y.array)
            let expected = Reference.swiGLUBackward(dy: dy.doubles, hidden: sums.doubles, width: width)
            #expect(relativeError(dhidden.array, expected) < 2e-6)

            // In place as well.
            let inPlace = Guarded(dy)
            swiGLUBackward(hidden.values, dy: inPlace.values, into: hidden.values, width: width, rows: rows, on: team)
            #expect(hidden.array == dhidden.array && inPlace.array == y.array)
            #expect([hidden, y, again, dhidden, inPlace].areIntact)
        }
    }

    /// Far out silu is 0 or x and its slope 0 or 1, without overflow on the way.
    @Test func tailsAreFlat() {
        let gates: [Float] = [-1e6, -100, -40, 20, 100, 1e6]
        let F = gates.count
        let hidden = Buffer(gates + [Float](repeating: 1, count: F))
        let y = Buffer<Float>(count: F, repeating: .nan), dy = Buffer<Float>(count: F, repeating: 1)
        let dhidden = Buffer<Float>(count: 2 * F, repeating: .nan)
        let team = Team(threads: 1)
        swiGLUForward(hidden, bias: nil, into: y, width: F, rows: 1, on: team)
        swiGLUBackward(hidden, dy: dy, into: dhidden, width: F, rows: 1, on: team)
        for i in 0..<3 { #expect(abs(y[i]) < 1e-15 && abs(dhidden[i]) < 1e-15 && abs(dhidden[F + i]) < 1e-15) }
        for i in 3..<6 { #expect(y[i] == gates[i] && abs(dhidden[i] - 1) < 1e-6 && dhidden[F + i] == gates[i]) }
    }

    @Test func notANumberStaysSo() {
        let hidden = Buffer<Float>([.nan, 1, 1, 1]), y = Buffer<Float>(count: 2, repeating: 0)
        swiGLUForward(hidden, bias: nil, into: y, width: 2, rows: 1, on: Team(threads: 1))
        #expect(y[0].isNaN && y[1].isFinite)
    }
}
