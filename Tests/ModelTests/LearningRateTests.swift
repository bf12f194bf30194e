import Foundation
import Model
import Testing

@Suite struct LearningRateTests {
    @Test func warmsUpThenFallsToTheFloor() {
        let rate = LearningRate(peak: 1, floor: 0.1, warmup: 4, steps: 24)
        #expect((1...4).map { rate[$0] } == [0.25, 0.5, 0.75, 1])
        #expect(abs(rate[14] - 0.55) < 1e-6)
        #expect(abs(rate[9] - (0.1 + 0.9 * 0.5 * (1 + Float(0.5).squareRoot()))) < 1e-6)
        #expect(rate[24] == 0.1 && rate[25] == 0.1 && rate[1000] == 0.1)
        for step in 4..<24 { #expect(rate[step + 1] < rate[step]) }
    }

    @Test func withoutWarmupTheFirstStepIsNearThePeak() {
        let rate = LearningRate(peak: 1, floor: 0, warmup: 0, steps: 100)
        #expect(abs(rate[1] - Float(0.5 * (1 + cos(Double.pi / 100)))) < 1e-7)
        #expect(rate[100] == 0)
    }

    @Test func aWarmupAsLongAsTheRunNeverFalls() {
        let rate = LearningRate(peak: 2, floor: 0.5, warmup: 10, steps: 10)
        #expect(rate[10] == 2 && rate[5] == 1 && rate[11] == 0.5)
    }
}
