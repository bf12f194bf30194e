import Foundation
import Kernels
import Model
import Testing

/// Performer and Nyström attention against their formulas in float64.
@Suite struct KernelisedTests {
    struct Case: CustomTestStringConvertible {
        let kind: AttentionKind
        let sequences, length, heads, headWidth: Int
        var testDescription: String { "\(kind), B \(sequences) L \(length) H \(heads) d \(headWidth)" }
        func run() throws -> KernelRun {
            try KernelRun(kind, sequences: sequences, length: length, heads: heads, headWidth: headWidth)
        }
    }

    private static func performer(_ m: Int, _ B: Int, _ L: Int, _ H: Int, _ d: Int) -> Case {
        Case(kind: .performer(features: m, seed: 9), sequences: B, length: L, heads: H, headWidth: d)
    }

    private static func nystrom(_ n: Int, _ T: Int, _ B: Int, _ L: Int, _ H: Int, _ d: Int) -> Case {
        Case(kind: .nystrom(landmarks: n, segment: T), sequences: B, length: L, heads: H, headWidth: d)
    }

    /// Lengths at and about chunks (64), segments, and tiles (128 queries, 256 keys); parts of blocks of features; pieces
    /// of unequal size; more landmarks than a tile of keys.
    static let cases = [
        performer(1, 1, 1, 1, 1), performer(5, 2, 7, 2, 3), performer(16, 1, 63, 1, 7), performer(33, 2, 64, 2, 16),
        performer(12, 2, 65, 1, 5), performer(24, 1, 129, 2, 8), performer(40, 1, 200, 1, 17), performer(7, 1, 321, 1, 4),
        nystrom(1, 1, 1, 1, 1, 1), nystrom(2, 4, 2, 7, 2, 3), nystrom(3, 16, 1, 64, 2, 7), nystrom(4, 16, 2, 65, 1, 5),
        nystrom(5, 33, 1, 130, 2, 8), nystrom(1, 9, 1, 63, 1, 16), nystrom(8, 150, 1, 310, 1, 6), nystrom(9, 300, 1, 320, 1, 4),
        nystrom(40, 16, 1, 50, 1, 4), nystrom(16, 16, 1, 300, 1, 5), nystrom(8, 64, 1, 40, 1, 4),
    ]

    @Test(arguments: cases) func agreesWithItsFormula(test: Case) throws {
        let run = try test.run()
        let qkv = SampleValues.uniform(run.qkvCount, seed: 1, scale: 2)
        let dout = SampleValues.uniform(run.outCount, seed: 2)
        let expected = run.reference(qkv.doubles)
        let results = [1, 2].map { run.run(qkv: qkv, dout: dout, threads: $0) }
        #expect(relativeError(results[0].out.array, expected) < 1e-5)
        #expect(results.allSatisfy { $0.isIntact })
        #expect(results[0].out.array == results[1].out.array && results[0].dqkv.array == results[1].dqkv.array)
        #expect(results[0].out.array == run.run(qkv: qkv).out.array, "without gradients")
        #expect(results[0].dqkv.array.allSatisfy { $0.isFinite })
    }

    /// Central differences of the formula, in float64: single elements all over, and whole directions.
    @Test(arguments: cases) func gradientsAreThoseOfTheFormula(test: Case) throws {
        let run = try test.run()
        let qkv = SampleValues.uniform(run.qkvCount, seed: 1, scale: 1.5)
        let dout = SampleValues.uniform(run.outCount, seed: 2)
        let gradient = run.run(qkv: qkv, dout: dout).dqkv.array.doubles
        let largest = gradient.map(abs).max() ?? 0
        func slope(_ direction: [Double]) -> Double {
            let h = 1e-5
            let sides = [h, -h].map { step in
                dot(run.reference(zip(qkv.doubles, direction).map { $0.0 + step * $0.1 }), dout.doubles)
            }
            return (sides[0] - sides[1]) / (2 * h)
        }
        // A step that shares no factor with the row, so that queries, keys and values of all columns have their turn.
        let count = run.qkvCount, picked = stride(from: 0, to: count, by: max(1, count / 60) | 1)
        for i in picked {
            let unit = (0..<count).map { $0 == i ? 1.0 : 0 }
            #expect(abs(slope(unit) - gradient[i]) < 2e-4 * max(largest, 1e-3), "element \(i)")
        }
        let norm = dot(gradient, gradient).squareRoot()
        for seed in 0..<8 {
            let direction = SampleValues.uniform(count, seed: 50 + UInt64(seed)).doubles
            #expect(abs(slope(direction) - dot(direction, gradient)) < 1e-4 * max(norm, 1e-3), "direction \(seed)")
        }
    }

    /// Keys whose exponents rise by hundreds, fall, and point away from the queries.
    @Test func largeScoresNeitherOverflowNorVanish() throws {
        let run = try Self.performer(24, 1, 300, 1, 8).run()
        for growth in [0.1, -0.1, 1] as [Float] {
            var qkv = SampleValues.uniform(run.qkvCount, seed: 1, scale: 1)
            for t in 0..<300 {
                for c in 0..<8 {
                    qkv[t * 24 + c] += 5
                    qkv[t * 24 + 8 + c] += Float(t) * growth
                }
            }
            let result = run.run(qkv: qkv, dout: SampleValues.uniform(run.outCount, seed: 2))
            #expect(result.out.array.allSatisfy { abs($0) <= 1.0001 }, "a mean of values: \(growth)")
            #expect(result.dqkv.array.allSatisfy { $0.isFinite }, "\(growth)")
        }
    }

    @Test func directionsAreOrthogonalAndGaussian() {
        let d = 16, m = 40
        var squares: [Double] = [], elements: [Double] = []
        for head in 0..<50 {
            let rows = OrthogonalFeatures.draw(count: m, width: d, seed: 3, layer: 1, head: head)
            func row(_ i: Int) -> [Double] { Array(rows[(i * d)..<((i + 1) * d)]) }
            for i in 0..<m {
                squares.append(dot(row(i), row(i)))
                for j in 0..<i where i / d == j / d {
                    #expect(abs(dot(row(i), row(j))) < 1e-12 * (dot(row(i), row(i)) * dot(row(j), row(j))).squareRoot())
                }
            }
            elements += rows
            #expect(OrthogonalFeatures.draw(count: 20, width: d, seed: 3, layer: 1, head: head) == Array(rows[..<(20 * d)]))
        }
        func moment(_ x: [Double], _ power: Double) -> Double { x.reduce(0) { $0 + pow($1, power) } / Double(x.count) }
        // A Gaussian's moments are 0, 1, 0 and 3; a squared length's mean is d and its variance 2 d.
        #expect(abs(moment(elements, 1)) < 0.03 && abs(moment(elements, 2) - 1) < 0.03)
        #expect(abs(moment(elements, 3)) < 0.1 && abs(moment(elements, 4) - 3) < 0.2)
        #expect(abs(moment(squares, 1) - 16) < 0.5 && abs(moment(squares, 2) - 256 - 32) < 20)
        let other = OrthogonalFeatures.draw(count: m, width: d, seed: 3, layer: 2, head: 0)
        #expect(OrthogonalFeatures.draw(count: m, width: d, seed: 3, layer: 1, head: 0) != other)
        #expect(OrthogonalFeatures.draw(count: m, width: d, seed: 4, layer: 2, head: 0) != other)
    }

    /// The mean of φ(q)·φ(k) over draws is exp(q·k/√d), within five standard errors.
    @Test func theEstimateIsUnbiased() {
        let d = 8, root = pow(Double(d), 0.25)
        for pair in 0..<4 {
            let q = SampleValues.uniform(d, seed: UInt64(pair), scale: 1).doubles.map { $0 / root }
            let k = SampleValues.uniform(d, seed: 100 + UInt64(pair), scale: 1).doubles.map { $0 / root }
            let estimates = (0..<2000).map { draw in
                let rows = OrthogonalFeatures.draw(count: d, width: d, seed: UInt64(draw), layer: pair, head: 0)
                return (0..<d).reduce(0.0) { sum, f in
                    let w = Array(rows[(f * d)..<((f + 1) * d)])
                    return sum + exp(dot(w, q) + dot(w, k) - dot(q, q) / 2 - dot(k, k) / 2) / Double(d)
                }
            }
            let mean = estimates.reduce(0, +) / 2000
            let error = (estimates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2000 / 2000).squareRoot()
            #expect(abs(mean - exp(dot(q, k))) < 5 * error, "pair \(pair): \(mean) ± \(error)")
        }
    }

    /// Sixteen times the features leave about a quarter of the error to softmax attention.
    @Test func moreFeaturesComeNearerToSoftmax() throws {
        let exact = try KernelRun(.softmax, sequences: 1, length: 100, heads: 2, headWidth: 8)
        let qkv = SampleValues.uniform(exact.qkvCount, seed: 1, scale: 1)
        let expected = exact.reference(qkv.doubles)
        let errors = try [16, 256, 4096].map { m in
            let squares = try (0..<6).map { seed in
                let run = try KernelRun(
                    .performer(features: m, seed: UInt64(seed)), sequences: 1, length: 100, heads: 2, headWidth: 8)
                return pow(normError(run.run(qkv: qkv).out.array, expected), 2)
            }
            return (squares.reduce(0, +) / 6).squareRoot()
        }
        print("Performer against softmax with 16, 256 and 4096 features: \(errors)")
        for (few, many) in zip(errors, errors.dropFirst()) { #expect(few / many > 2.8 && few / many < 5.6) }
    }

    /// With a landmark for every token, and in the first segment always, Nyström is full attention.
    @Test(arguments: [(16, 16, 100), (100, 7, 50), (1, 1, 9), (4, 80, 80), (1, 64, 40)])
    func landmarksEverywhereAreFullAttention(landmarks: Int, segment: Int, length: Int) throws {
        let run = try KernelRun(
            .nystrom(landmarks: landmarks, segment: segment), sequences: 2, length: length, heads: 2, headWidth: 6)
        let qkv = SampleValues.uniform(run.qkvCount, seed: 1, scale: 2)
        let dout = SampleValues.uniform(run.outCount, seed: 2)
        let full = Reference.Attention(sequences: 2, length: length, heads: 2, headWidth: 6)
        let result = run.run(qkv: qkv, dout: dout)
        #expect(relativeError(result.out.array, full.forward(qkv.doubles).out) < 3e-6)
        if length <= segment {
            #expect(relativeError(result.dqkv.array, full.backward(dout: dout.doubles, qkv: qkv.doubles)) < 1e-5)
        }
    }

    /// Values that are all alike come out as they are: weights sum to 1, whatever the landmarks.
    @Test(arguments: cases) func weightsSumToOne(test: Case) throws {
        let run = try test.run(), D = run.configuration.width
        var qkv = SampleValues.uniform(run.qkvCount, seed: 1, scale: 2)
        for i in qkv.indices where i / D % 3 == 2 { qkv[i] = 0.75 }
        #expect(run.run(qkv: qkv).out.array.allSatisfy { abs($0 - 0.75) < 1e-5 })
    }
}
