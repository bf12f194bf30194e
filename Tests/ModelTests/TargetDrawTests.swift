import Foundation
import Kernels
import Model
import Testing

@Suite struct TargetDrawTests {
    private static let vocabulary = 23, length = 9

    private static func run(threads: Int = 1, stages: Int = 1) throws -> StageRun {
        let configuration = try ModelConfiguration(
            vocabularySize: vocabulary, context: 12, width: 12, heads: 2, layers: 2)
        return try StageRun(
            configuration, weights: ModelWeights.random(configuration, seed: 3), stages: stages, rows: 4 * length,
            threads: threads)
    }

    private static func probabilities(_ logits: ArraySlice<Float>) -> [Double] {
        let top = Double(logits.max() ?? 0), weights = logits.map { exp(Double($0) - top) }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }

    /// Each row's draws over many passes against its softmax: Pearson's χ², whose 0.999 quantile at 22 degrees is 48.3.
    @Test func frequenciesAreTheSoftmax() throws {
        let run = try Self.run(), passes = 4000, V = Self.vocabulary
        let batch = SampleValues.microBatch(sequences: 2, length: Self.length, vocabulary: V, seed: 1)
        run.forward(batch)
        let logits = run.logits(batch)
        var counts = Array(repeating: Array(repeating: 0, count: V), count: batch.rows)
        for pass in 0..<passes {
            for (row, target) in run.drawTargets(batch, TargetDraw(seed: 9, pass: UInt64(pass))).enumerated()
            where target >= 0 {
                counts[row][Int(target)] += 1
            }
        }
        var total = 0.0, rows = 0
        for row in 0..<batch.rows where batch.targets[row] >= 0 {
            let expected = Self.probabilities(logits[(row * V)..<((row + 1) * V)]).map { $0 * Double(passes) }
            // Tokens too rare for the test's normal limit are one class.
            var rare = (0.0, 0.0), statistic = 0.0
            for token in 0..<V {
                if expected[token] < 5 {
                    rare = (rare.0 + Double(counts[row][token]), rare.1 + expected[token])
                } else {
                    statistic += square(Double(counts[row][token]) - expected[token]) / expected[token]
                }
            }
            if rare.1 > 0 { statistic += square(rare.0 - rare.1) / max(rare.1, 1) }
            #expect(statistic < 48.3, "row \(row)")
            #expect(counts[row].reduce(0, +) == passes)
            total += statistic
            rows += 1
        }
        #expect(total < Double(rows) * 22 + 4 * (2 * Double(rows) * 22).squareRoot())
    }

    private func square(_ x: Double) -> Double { x * x }

    /// A row's draw is a function of (seed, pass, sample, position): not of threads, stages, nor of who else is in the batch.
    @Test func onlyTheRowMatters() throws {
        let whole = SampleValues.microBatch(sequences: 3, length: Self.length, vocabulary: Self.vocabulary, seed: 2)
        let draw = TargetDraw(seed: 1, pass: 7)
        func drawn(_ order: [Int], threads: Int, stages: Int = 1, _ draw: TargetDraw) throws -> [UInt64: [Int32]] {
            let run = try Self.run(threads: threads, stages: stages), L = Self.length
            func rows(_ x: Buffer<Int32>) -> Buffer<Int32> { Buffer(order.flatMap { x[($0 * L)..<(($0 + 1) * L)].array }) }
            let batch = MicroBatch(
                sequences: order.count, length: L, tokens: rows(whole.tokens), targets: rows(whole.targets),
                samples: order.map { whole.samples[$0] })
            run.forward(batch)
            let targets = run.drawTargets(batch, draw)
            return Dictionary(
                uniqueKeysWithValues: order.indices.map { (batch.samples[$0], Array(targets[($0 * L)..<(($0 + 1) * L)])) })
        }
        let base = try drawn([0, 1, 2], threads: 1, draw)
        #expect(try drawn([0, 1, 2], threads: 3, draw) == base)
        #expect(try drawn([0, 1, 2], threads: 2, stages: 2, draw) == base)
        #expect(try drawn([2, 0, 1], threads: 2, draw) == base)
        for b in 0..<3 {
            #expect(try drawn([b], threads: 1, draw)[whole.samples[b]] == base[whole.samples[b]])
        }
        for other in [TargetDraw(seed: 1, pass: 8), TargetDraw(seed: 2, pass: 7)] {
            #expect(try drawn([0, 1, 2], threads: 1, other) != base)
        }
    }

    @Test func rowsWithoutATargetKeepTheirs() throws {
        let run = try Self.run()
        let batch = SampleValues.microBatch(sequences: 2, length: Self.length, vocabulary: Self.vocabulary, seed: 1)
        batch.targets[1] = -100
        let before = batch.targets.array
        run.forward(batch)
        let drawn = run.drawTargets(batch, TargetDraw(seed: 1, pass: 0))
        for (old, new) in zip(before, drawn) {
            #expect(old < 0 ? new == old : (0..<Int32(Self.vocabulary)).contains(new))
        }
        #expect(batch.targets.array == before, "the batch's own targets stay")
        #expect(drawn != before)
        let loss = run.pass(batch.replacing(targets: Buffer(drawn)))
        #expect(loss.isFinite && loss > 0)
    }

    /// The token drawn is the one in whose part of [0, 1) the uniform lies, in vocabularies at and about 16 lanes and the
    /// 1024 columns after which sums are flushed, over several tiles of rows and threads.
    @Test(arguments: [1, 2, 15, 16, 17, 33, 1024, 1025, 2055, 131_075], [1, 2])
    func drawsInvertTheDistribution(vocabulary V: Int, threads: Int) {
        let M = V > 100_000 ? 70 : 40, D = 3
        let x = SampleValues.uniform(M * D, seed: 1, scale: 2), embedding = SampleValues.uniform(V * D, seed: 2, scale: 2)
        var uniforms = (0..<M).map { Double($0) / Double(M) }
        uniforms[1] = 1 - 0x1p-53
        var targets = (0..<M).map { Int32($0 % V) }
        targets[M - 1] = -1
        let drawn = Buffer(targets)
        Head(HeadTests.map(embedding, nil, V, D), rows: M).draw(
            Matrix(Buffer(x), rows: M, columns: D), targets: drawn, uniforms: Buffer(uniforms), on: Team(threads: threads))
        let logits = Reference.tiedLogits(x.doubles, embedding: embedding.doubles, width: D)
        for row in 0..<(M - 1) {
            let p = Self.probabilities(logits[(row * V)..<((row + 1) * V)].map { Float($0) }[...])
            let token = Int(drawn[row]), below = p[..<token].reduce(0, +)
            #expect(below <= uniforms[row] + 2e-6 && uniforms[row] < below + p[token] + 2e-6, "row \(row)")
        }
        #expect(drawn[M - 1] == -1)
    }
}
