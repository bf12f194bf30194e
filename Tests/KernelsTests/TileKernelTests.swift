import CKernels
import Kernels
import Testing

/// Loops that layers reach only in part: masks off the diagonal, strides, plain arithmetic.
@Suite struct TileKernelTests {
    static let counts = [1, 7, 15, 16, 17, 64, 65, 127, 1000]

    /// Row r sees its first min(columns, valid + r) columns; the rest become zero, and rows that see nothing keep their state.
    @Test(arguments: [-3, 0, 1, 5, 16, 17, 40])
    func hiddenScoresBecomeZero(valid: Int) {
        let rows = 9, columns = 37, ld = 40
        let scores = Buffer<Float>(count: rows * ld, repeating: 0)
        let rowMax = Buffer<Float>(count: rows, repeating: -.greatestFiniteMagnitude)
        let rowSum = Buffer<Float>(count: rows, repeating: 0)
        let out = Buffer<Float>(count: rows, repeating: 0)
        drrl_softmax_tile_forward(
            scores.pointer, ld, rows, columns, valid, rowMax.pointer, rowSum.pointer, out.pointer, 1)
        for r in 0..<rows {
            let seen = min(max(valid + r, 0), columns)
            for c in 0..<columns { #expect(scores[r * ld + c] == (c < seen ? 1 : 0), "row \(r), column \(c)") }
            #expect(rowSum[r] == Float(seen))
            #expect(rowMax[r] == (seen == 0 ? -.greatestFiniteMagnitude : 0))
        }
    }

    @Test func aNewMaximumRescalesWhatWasSummed() {
        let scores = Buffer<Float>([2, 1])
        let rowMax = Buffer<Float>([1]), rowSum = Buffer<Float>([3]), out = Buffer<Float>([4, -8])
        drrl_softmax_tile_forward(scores.pointer, 2, 1, 2, 2, rowMax.pointer, rowSum.pointer, out.pointer, 2)
        let e: Float = 0.36787944
        #expect(rowMax[0] == 2)
        #expect(abs(rowSum[0] - (3 * e + 1 + e)) < 1e-6)
        #expect(abs(out[0] - 4 * e) < 1e-6 && abs(out[1] + 8 * e) < 1e-6)
    }

    @Test(arguments: counts)
    func dotAndAdd(count: Int) {
        let rows = 3, ld = count + 2
        let a = SampleValues.uniform(rows * ld, seed: 1), b = SampleValues.uniform(rows * ld, seed: 2)
        let delta = Buffer<Float>(count: rows, repeating: .nan)
        drrl_row_dot(delta.pointer, a, ld, b, ld, rows, count)
        for r in 0..<rows {
            let expected = (0..<count).reduce(0.0) { $0 + Double(a[r * ld + $1]) * Double(b[r * ld + $1]) }
            #expect(abs(Double(delta[r]) - expected) < 1e-6 * Double(count).squareRoot())
        }

        let y = Buffer(Array(a[0..<(count + 1)]))
        drrl_add(y.pointer, b, count)
        #expect(y.array == (0..<(count + 1)).map { $0 < count ? a[$0] + b[$0] : a[$0] })
    }
}
