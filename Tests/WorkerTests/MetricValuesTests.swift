import Runs
import Testing
import Worker

@Suite struct MetricValuesTests {
    @Test func aMeanIsItsSumOverWhatItIsOver() {
        var own = MetricValues()
        own.record(.loss, sum: 6, over: 4)
        own[.seconds] = 2
        #expect(own[.loss] == 1.5 && own[.seconds] == 2 && own[.gradientNorm] == nil)
    }

    /// A rank without a share of a mean has nothing to divide by, and says so.
    @Test func aMeanOverNothingIsNoNumber() {
        var own = MetricValues()
        own.record(.scoreRank, sum: 0, over: 0)
        #expect(own[.scoreRank]?.isNaN == true)
    }

    @Test func whatIsMergedInWins() {
        var old = MetricValues(), new = MetricValues()
        (old[.seconds], old[.reward], new[.seconds]) = (1, 2, 3)
        #expect(old.merging(new).all.map(\.metric.key) == ["reward", "seconds"])
        #expect(old.merging(new).all.map(\.value) == [2, 3])
    }

    /// A key stands for one metric, however it is declared: a line read back has the same numbers under it.
    @Test func aMetricIsItsKey() {
        #expect(Metric("loss", .same) == .loss && Set([Metric("loss", .same), .loss]).count == 1)
    }
}
