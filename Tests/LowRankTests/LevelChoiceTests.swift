import Kernels
import LowRank
import Model
import Testing

/// Which levels a pass runs at, as its mean ranks tell.
@Suite struct LevelChoiceTests {
    /// Three levels whose counts follow from the two sums of ranks.
    static let levels = [EngineRun.level(1, 1), EngineRun.level(2, 1), EngineRun.level(2, 2)]

    /// Random levels in segments of `segment` tokens, bases in place.
    private static func random(
        layer: Int? = 0, seed: UInt64 = 5, segment: Int = 1, rows: Int = 256
    ) throws -> EngineRun {
        let run = try EngineRun(
            RankOptions(mode: .random(), levels: levels, segment: segment), layer: layer, rows: rows,
            seed: seed)
        run.plantFlat()
        return run
    }

    /// The sum of both ranks in one segment, by the difference of two lengths.
    private static func level(_ run: EngineRun, step: Int, sample: UInt64, segment: Int) -> Int {
        func sum(_ segments: Int) -> Int {
            if segments == 0 { return 0 }
            run.forward(EngineRun.batch([sample], length: segments), step: step)
            let sums = run.rankSums(segments)
            return sums.score + sums.value
        }
        return sum(segment + 1) - sum(segment)
    }

    @Test func randomLevelsAreAPureFunctionOfTheirFiveArguments() throws {
        let numbers = Array(0..<96)
        func draws(layer: Int = 0, seed: UInt64 = 5, step: Int = 3, sample: UInt64 = 0, segment: Int = 2) throws -> [Int] {
            let run = try Self.random(layer: layer, seed: seed)
            return numbers.map { Self.level(run, step: step, sample: sample + UInt64($0), segment: segment) }
        }
        let reference = try draws()
        #expect(Set(reference) == [2, 3, 4])
        #expect(try draws() == reference)
        // Two thirds differ where an argument does, words above 32 bits among them.
        for (name, other) in [
            ("seed", try draws(seed: 6)), ("step", try draws(step: 4)), ("step", try draws(step: 3 + 1 << 32)),
            ("sample", try draws(sample: 1000)), ("sample", try draws(sample: 1 << 32)), ("layer", try draws(layer: 1)),
            ("segment", try draws(segment: 3)),
        ] {
            let differing = zip(reference, other).count { $0 != $1 }
            #expect((44...84).contains(differing), "\(name): \(differing) of 96 differ")
        }
    }

    /// A sample's levels do not depend on who is in its micro-batch, nor a layer's on who holds it.
    @Test func randomLevelsDoNotDependOnTheGrid() throws {
        let samples: [UInt64] = [3, 9, 1 << 40, 77]
        func sums(_ run: EngineRun, _ samples: [UInt64]) -> [Int] {
            run.forward(EngineRun.batch(samples), step: 8)
            let sums = run.rankSums(samples.count * 32 * run.stage.placement.layers.count)
            return [sums.score, sums.value]
        }
        let whole = sums(try Self.random(layer: nil), samples)
        var apart = [0, 0]
        for layer in 0..<2 {
            let run = try Self.random(layer: layer)
            for part in [[samples[2]], [samples[3], samples[0]], [samples[1]]] {
                apart = zip(apart, sums(run, part)).map { $0 + $1 }
            }
        }
        #expect(apart == whole)
    }

    /// χ² of 16384 draws over three levels stays below its 99.9% quantile, 13.8.
    @Test func randomLevelsAreUniform() throws {
        let run = try Self.random(rows: 512 * 32)
        let batch = EngineRun.batch((0..<512).map { 1000 + UInt64($0) })
        run.forward(batch, step: 1)
        let count = 512 * 32, sums = run.rankSums(count)
        let counts = [count - (sums.score - count), (sums.score - count) - (sums.value - count), sums.value - count]
        let expected = Double(count) / 3
        let chiSquare = counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        #expect(chiSquare < 13.8, "\(counts)")
    }

    /// Heads of unlike weight: what counts is the energy of all heads together.
    @Test func energyNamesTheCheapestLevelByTheSummedNER() throws {
        // Summed NER of ranks 1 … 4: scores 0.95, 0.98, 0.99, 1; values 0.5, 0.75, 1, 1.
        let score: [[Double]] = [[90, 0, 0, 0], [5, 3, 1, 1]], value: [[Double]] = [[40, 20, 20, 0], [0, 0, 0, 0]]
        let levels = [(1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (4, 3)].map(EngineRun.level)
        for (threshold, expected) in [
            (0.01, (1, 1)), (0.5, (1, 1)), (0.5001, (1, 2)), (0.75, (1, 2)), (0.76, (2, 3)), (0.945, (2, 3)),
            (0.979, (2, 3)), (0.981, (3, 3)), (0.9901, (4, 3)), (1, (4, 3)),
        ] {
            let run = try EngineRun(
                RankOptions(mode: .energy(threshold), levels: levels, segment: 8), layer: 0, headWidth: 4)
            run.plant(score: score, value: value)
            run.engine.adopt()
            run.forward(EngineRun.batch([1, 2]), step: 2)
            #expect(run.engine.meanRanks == (Double(expected.0), Double(expected.1)), "threshold \(threshold)")
        }
    }

    @Test func energyTellsLayersApart() throws {
        let levels = [(1, 1), (2, 3), (4, 4)].map(EngineRun.level)
        let options = RankOptions(mode: .energy(0.9), levels: levels, segment: 8)
        func ranks(_ layer: Int?) throws -> [Double] {
            let run = try EngineRun(options, layer: layer, of: 3, headWidth: 4)
            // Layer 0 has no energy at all, layer 1 a little in every direction, layer 2 all in two.
            let energies: [[Double]] = [[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]
            for layer in run.stage.placement.layers { plant(run, energies[layer], layer) }
            run.engine.adopt()
            run.forward(EngineRun.batch([1]), step: 2)
            return [run.engine.meanRanks.score, run.engine.meanRanks.value]
        }
        func plant(_ run: EngineRun, _ energies: [Double], _ layer: Int) {
            run.plant(score: [energies, energies], value: [energies, energies], layer: layer)
        }
        #expect(try ranks(0) == [1, 1])
        #expect(try ranks(1) == [4, 4])
        #expect(try ranks(2) == [2, 3])
        #expect(try ranks(nil) == [7.0 / 3, 8.0 / 3])
    }

    @Test func fixedHoldsEverywhere() throws {
        let run = try EngineRun(RankOptions(mode: .fixed([Self.levels[1]]), levels: [Self.levels[1]], segment: 8))
        run.plantFlat()
        run.forward(EngineRun.batch([1, 2, 3], length: 29), step: 5)
        #expect(run.engine.meanRanks == (2, 1))
        run.forward(EngineRun.batch([1], length: 3), run.engine.evaluationPass(of: run.stage))
        #expect(run.engine.meanRanks == (2, 1))
    }
}
