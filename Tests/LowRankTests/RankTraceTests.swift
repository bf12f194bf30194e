import Kernels
import LowRank
import Model
import Testing

/// What passes decided, from sums to rows. N = 3, L = 32, T = 8, d = 8.
@Suite struct RankTraceTests {
    private static let levels = [(2, 3), (4, 5), (4, 8)].map(EngineRun.level)
    private static let options = RankOptions(mode: .random(), levels: levels, segment: 8)
    /// What the values are does not matter.
    private static func perturbation(_ level: Level) -> Double { 1 / Double(1 + level.scoreRank) }

    private static func configuration() throws -> ModelConfiguration {
        try ModelConfiguration(vocabularySize: 31, context: 32, width: 16, heads: 2, layers: 3)
    }

    /// Levels of a batch, sequence by sequence, by their numbers in the list.
    private static func segmentLevels(_ numbers: [Int], segments: Int = 4) -> SegmentLevels {
        SegmentLevels(segment: 8, segments: segments, levels: numbers.map { levels[$0] })
    }

    private static func step(_ sums: TraceSums, epsilon: Double? = nil) -> TraceStep {
        TraceStep(step: 5, sums: sums, headWidth: 8, epsilon: epsilon)
    }

    /// The middle layer of three, two micro-batches: three sequences in all.
    @Test func meansAreOverSequences() throws {
        let configuration = try Self.configuration()
        let tally = TraceTally(configuration, layers: 1..<2, options: Self.options)
        tally.add(
            Self.segmentLevels([0, 1, 2, 0, 1, 1, 0, 0]), logProbabilities: [-1, -2, -3, -4, -1, -2, -3, .nan],
            layer: 1, batch: EngineRun.batch([0, 1]), perturbation: Self.perturbation)
        tally.add(rewards: [1, .nan, 2, .nan, 3, .nan, 6, .nan], layer: 1, batch: EngineRun.batch([0, 1]))
        tally.add(
            Self.segmentLevels([2, 2, 2, 0]), layer: 1, batch: EngineRun.batch([2]), perturbation: Self.perturbation)
        let step = Self.step(tally.ofAllLayers, epsilon: 0.25)
        let own = 4..<8, others = [0..<4, 8..<12]
        #expect(step.step == 5 && step.epsilon == 0.25)
        let ranks: [Double] = [10, 16, 12, 18, 10, 19, 6, 9]
        #expect(Array(step.ranks[8..<16]) == ranks.map { Float($0 / 3) })
        #expect(step.rewards[own].map { $0.isNaN ? -1 : $0 } == [2, -1, 4, -1])
        #expect(step.logProbabilities[own] == [-1, -2, -3, -4])
        let (low, high) = (Self.perturbation(Self.levels[0]), Self.perturbation(Self.levels[1]))
        let expected = [(low + 2 * high) / 3, high, (2 * high + low) / 3, low].map { Float($0) }
        #expect(zip(step.perturbations[own], expected).allSatisfy { abs($0 - $1) < 1e-7 })
        func flops(_ level: Int, _ segment: Int) -> Double {
            Double(
                configuration.segmentFLOPs(
                    level: Self.levels[level], largest: EngineRun.level(4, 8), segment: segment, segmentLength: 8,
                    length: 32))
        }
        #expect(step.flops[4] == (flops(0, 0) + flops(1, 0) + flops(2, 0)) / 3)
        #expect(step.flops[7] == flops(0, 3))
        // Layers of other stages: zeros to add to, which alone mean full attention.
        for range in others {
            #expect(step.perturbations[range].allSatisfy(\.isNaN) && step.flops[range].allSatisfy(\.isNaN))
            #expect(step.ranks[(2 * range.lowerBound)..<(2 * range.upperBound)].allSatisfy { $0 == 8 })
        }
        #expect(tally.meanRanks == (38 / 12, 62 / 12))
    }

    @Test func stagesAndReplicasAddUp() throws {
        let configuration = try Self.configuration()
        let numbers = [[0, 1, 2, 0], [2, 2, 1, 1], [1, 0, 0, 2]]
        func tally(_ layers: Range<Int>, _ sequences: [Int]) -> TraceSums {
            let tally = TraceTally(configuration, layers: layers, options: Self.options)
            for layer in layers {
                for b in sequences {
                    let own = numbers[(b + layer) % 3]
                    tally.add(
                        Self.segmentLevels(own), logProbabilities: own.map { Double(-$0) }, layer: layer,
                        batch: EngineRun.batch([UInt64(b)]), perturbation: Self.perturbation)
                }
            }
            return tally.ofAllLayers
        }
        let whole = tally(0..<3, [0, 1, 2]).values.array
        let parts = [tally(0..<2, [0, 1]), tally(0..<2, [2]), tally(2..<3, [0, 1]), tally(2..<3, [2])]
        let sums = parts.reduce(Array(repeating: 0.0, count: whole.count)) { zip($0, $1.values.array).map(+) }
        #expect(zip(sums, whole).allSatisfy { abs($0 - $1) <= 1e-15 * abs($1) })
        #expect(parts.allSatisfy { $0.layers == 3 && $0.segments == 4 })
    }

    @Test func nothingIsLeftAfterReset() throws {
        let tally = TraceTally(try Self.configuration(), layers: 0..<3, options: Self.options)
        tally.add(
            Self.segmentLevels([0, 1, 2, 0]), layer: 2, batch: EngineRun.batch([0]), perturbation: Self.perturbation)
        tally.add(rewards: [1, 1, 1, 1], layer: 2, batch: EngineRun.batch([0]))
        tally.reset()
        #expect(tally.ofAllLayers.values.array.allSatisfy { $0 == 0 } && tally.meanRanks == (8, 8))
        // A batch of shorter sequences fills the first segments.
        tally.add(
            Self.segmentLevels([2, 2], segments: 2), layer: 0, batch: EngineRun.batch([0], length: 13),
            perturbation: Self.perturbation)
        let sums = tally.ofAllLayers
        #expect((0..<4).map { sums[0, $0, .levels] } == [1, 1, 0, 0] && tally.meanRanks == (4, 8))
    }

    @Test func rowsFollowOneAnother() throws {
        let (sums, other) = (TraceSums(layers: 2, segments: 1), TraceSums(layers: 2, segments: 1))
        for (field, value) in [(TraceSums.Field.levels, 4.0), (.scoreRank, 10), (.valueRank, 12), (.flops, 0x1p40)] {
            other[1, 0, field] = value
        }
        var trace = RankTrace(layers: 2, segments: 1)
        #expect(trace.isEmpty && trace.byteCount == 0)
        for (number, own) in [(3, sums), (6, other)] {
            trace.append(TraceStep(step: number, sums: own, headWidth: 8, epsilon: Double(number)))
        }
        #expect(trace.steps.values == [3, 6])
        #expect(trace.floats.map(\.name) == ["rank", "reward", "perturbation", "logprob", "epsilon"])
        #expect(trace.floats[0].values == [8, 8, 8, 8, 8, 8, 2.5, 3])
        #expect(trace.floats[4].values == [3, 6] && trace.flops.values.last == 0x1p38)
        #expect(trace.floats.map { $0.axes.count - 1 } == trace.floats.map(\.rowShape.count))
        #expect(trace.floats.allSatisfy { $0.values.count == 2 * $0.rowSize })
        #expect(!trace.isEmpty && trace.byteCount == 2 * (2 * 1 * 28 + 12))
    }

    /// The engine's sums are the kernels' counts and its spectra's tails.
    @Test func theEngineSaysWhatItExecuted() throws {
        let run = try EngineRun(Self.options)
        #expect(run.engine.namesLevels)
        run.forward(EngineRun.batch([0, 1, 2]), step: 1)
        #expect(run.engine.traceSums.values.array.allSatisfy { $0 == 0 }, "without bases attention is full")
        for layer in 0..<2 {
            run.plant(
                score: [[8, 4, 2, 2, 0, 0, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0]],
                value: Array(repeating: Array(repeating: 1, count: 8), count: 2), layer: layer)
        }
        run.engine.adopt()
        run.team.flops.reset()
        run.forward(EngineRun.batch([0, 1, 2]), step: 2)
        let sums = run.engine.traceSums
        let cells = (0..<2).flatMap { layer in (0..<4).map { (layer, $0) } }
        #expect(cells.allSatisfy { sums[$0.0, $0.1, .levels] == 3 })
        let flops = cells.reduce(0) { $0 + sums[$1.0, $1.1, .flops] }
        #expect(flops == [.projections, .scores, .values].reduce(0) { $0 + Double(run.team.flops[$1]) })
        // Rank 2 leaves 4 of 24, rank 4 nothing.
        for (layer, segment) in cells {
            let low = (12 - sums[layer, segment, .scoreRank]) / 2
            #expect(abs(sums[layer, segment, .perturbation] - low * (4.0 / 24).squareRoot()) < 1e-12)
        }
        #expect(Set(cells.map { sums[$0.0, $0.1, .scoreRank] }).count > 1)
        let full = try EngineRun(RankOptions(mode: .full, levels: Self.levels, segment: 8))
        #expect(!full.engine.namesLevels)
    }
}
