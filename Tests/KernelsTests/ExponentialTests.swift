import CKernels
import Foundation
import Kernels
import Testing

/// The vector exponential, seen through the attention tile that turns scores into exp(score − lse).
@Suite struct ExponentialTests {
    private func exponentials(_ x: [Float]) -> [Float] {
        let scores = Buffer(x), dp = Buffer<Float>(count: x.count, repeating: 0)
        let lse: [Float] = [0], delta: [Float] = [0]
        drrl_softmax_tile_backward(scores.pointer, dp.pointer, x.count, 1, x.count, x.count, lse, delta, 1)
        return scores.array
    }

    @Test func isWithinTwoUnitsInTheLastPlace() {
        // Odd in length, so that the last lanes are a tail.
        let count = 200_001
        let x = (0..<count).map { Float(-87.3 + (87.3 + 88.7) * Double($0) / Double(count - 1)) }
        let y = exponentials(x)
        var worst = 0.0
        for (x, y) in zip(x, y) {
            let exact = exp(Double(x))
            let error = abs(Double(y) - exact) / Double(Float(exact).ulp)
            worst = error.isNaN ? .infinity : max(worst, error)
        }
        #expect(worst <= 2, "\(worst) ulp")
    }

    @Test func clampsOutsideAndKeepsNotANumber() {
        let y = exponentials([0, -.infinity, -1000, 1000, .infinity, .nan, 88.7, -87.3])
        #expect(y[0] == 1)
        #expect(y[1] == y[7] && y[2] == y[7] && y[7] > 0 && y[7] < 2e-38)
        #expect(y[3] == y[6] && y[4] == y[6] && y[6].isFinite && y[6] > 3e38)
        #expect(y[5].isNaN)
    }
}
