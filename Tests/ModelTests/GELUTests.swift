import Kernels
import Model
import Testing

@Suite struct GELUTests {
    @Test(arguments: [1, 7, 64, 65, 127, 257, 1000], [1, 2, 3])
    func agreesWithFloat64(columns: Int, threads: Int) {
        let team = Team(threads: threads)
        for rows in [1, 7, 33] {
            let count = rows * columns
            let before = SampleValues.uniform(count, seed: 1, scale: 6)
            let bias = Buffer(SampleValues.uniform(columns, seed: 2))
            let h = Guarded(before), y = Guarded(unwritten: count)
            geluForward(h.values, bias: bias, into: y.values, rows: rows, on: team)
            let sums = before.indices.map { before[$0] + bias[$0 % columns] }
            #expect(h.array == sums)
            #expect(relativeError(y.array, sums.doubles.map(Reference.gelu)) < 1e-6)

            let dy = SampleValues.uniform(count, seed: 3)
            let again = Guarded(unwritten: count), dh = Guarded(dy)
            geluBackward(h: h.values, y: again.values, dy: dh.values, count: count, on: team)
            #expect(again.array == y.array)
            let slopes = zip(dy.doubles, sums.doubles).map { $0.0 * Reference.geluSlope($0.1) }
            // Where the slope nears 1, what is left of 1 − s has few digits.
            #expect(relativeError(dh.array, slopes) < 2e-6)
            #expect([h, y, again, dh].areIntact)
        }
    }

    /// Far out the function is 0 or x and its slope 0 or 1, without overflow on the way.
    @Test func tailsAreFlat() {
        let x: [Float] = [-1e6, -100, -20, 20, 100, 1e6]
        let h = Buffer(x), bias = Buffer<Float>(count: x.count, repeating: 0)
        let y = Buffer<Float>(count: x.count, repeating: .nan), dy = Buffer<Float>(count: x.count, repeating: 1)
        geluForward(h, bias: bias, into: y, rows: 1, on: Team(threads: 1))
        geluBackward(h: h, y: y, dy: dy, count: x.count, on: Team(threads: 1))
        for i in 0..<3 { #expect(abs(y[i]) < 1e-20 && abs(dy[i]) < 1e-20) }
        for i in 3..<6 { #expect(y[i] == x[i] && dy[i] == 1) }
    }

    @Test func notANumberStaysSo() {
        let h = Buffer<Float>([.nan, 1]), y = Buffer<Float>(count: 2, repeating: 0)
        geluForward(h, bias: Buffer(count: 2, repeating: 0), into: y, rows: 1, on: Team(threads: 1))
        #expect(y[0].isNaN && y[1].isFinite)
    }
}
