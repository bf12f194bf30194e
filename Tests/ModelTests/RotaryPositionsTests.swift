import Foundation
import Kernels
import Model
import Testing

@Suite struct RotaryPositionsTests {
    /// What transformers made (Golden/rotary/make_rotary.py).
    private struct Golden: Decodable {
        struct Parameters: Decodable {
            let rope_theta: Double
            let rope_type: String
            let factor, low_freq_factor, high_freq_factor: Double?
            let original_max_position_embeddings: Int?
        }
        let headWidth: Int
        let parameters: Parameters
        let frequencies: [Float]
        let positions: [Int]
        /// [positions, headWidth / 2].
        let cosines, sines: [Float]

        static func all() throws -> [Golden] {
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Golden/rotary/rotary.json")
            return try JSONDecoder().decode([Golden].self, from: Data(contentsOf: file))
        }

        func rotary() throws -> RotaryPositions {
            let scaling: RotaryPositions.Scaling =
                switch parameters.rope_type {
                case "default": .none
                case "linear": .linear(factor: try #require(parameters.factor))
                default:
                    .llama3(
                        factor: try #require(parameters.factor),
                        lowFrequencyFactor: try #require(parameters.low_freq_factor),
                        highFrequencyFactor: try #require(parameters.high_freq_factor),
                        originalContext: try #require(parameters.original_max_position_embeddings))
                }
            return RotaryPositions(base: parameters.rope_theta, scaling: scaling)
        }
    }

    /// To the last place but one or two: two libraries' powers differ by a unit in it.
    @Test func frequenciesAreThoseOfTransformers() throws {
        for golden in try Golden.all() {
            let frequencies = try golden.rotary().frequencies(headWidth: golden.headWidth)
            #expect(frequencies.count == golden.frequencies.count)
            for (ours, theirs) in zip(frequencies, golden.frequencies) {
                #expect(abs(ours - theirs) <= 2 * theirs.ulp, "\(golden.parameters): \(ours) for \(theirs)")
            }
        }
    }

    @Test func turnsAreThoseOfTransformers() throws {
        for golden in try Golden.all() {
            let half = golden.headWidth / 2, rotary = try golden.rotary()
            let table = RotaryTable(rotary, headWidth: golden.headWidth, context: 8192)
            for (row, position) in golden.positions.enumerated() {
                for pair in 0..<half {
                    // An angle of a frequency that is off by two units in the last place.
                    let angle = Float(position) * golden.frequencies[pair], near = 3 * angle.ulp + 1e-6
                    let index = position * half + pair
                    #expect(abs(table.cosines[index] - golden.cosines[row * half + pair]) <= near)
                    #expect(abs(table.sines[index] - golden.sines[row * half + pair]) <= near)
                }
            }
        }
    }

    @Test(arguments: [
        .none, .linear(factor: 2.5),
        .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192),
    ] as [RotaryPositions.Scaling])
    func survivesJSON(scaling: RotaryPositions.Scaling) throws {
        let rotary = RotaryPositions(base: 100_000.1, scaling: scaling)
        let data = try JSONEncoder().encode(rotary)
        #expect(try JSONDecoder().decode(RotaryPositions.self, from: data) == rotary)
    }

    /// A turn is linear and its inverse is its transpose: back again, and the gradient's way against finite differences.
    @Test func referenceAgreesWithFiniteDifferences() {
        let heads = 2, d = 6
        let x = SampleValues.uniform(3 * heads * d, seed: 1).doubles, dy = SampleValues.uniform(x.count, seed: 2).doubles
        func turn(_ x: [Double], inverse: Bool = false) -> [Double] {
            Reference.rotate(x, heads: heads, headWidth: d, base: 50, inverse: inverse) { $0 }
        }
        #expect(gradientError(turn(dy, inverse: true), finiteDifferences(at: x) { dot(dy, turn($0)) }) < 1e-7)
        #expect(gradientError(turn(turn(x), inverse: true), x) < 1e-12)
    }

    @Test(arguments: [2, 6, 8, 32, 64, 80, 128], [1, 2, 3])
    func agreesWithFloat64(headWidth d: Int, threads: Int) {
        let team = Team(threads: threads), heads = 3, length = 37, sequences = 3
        let batch = SampleValues.microBatch(sequences: sequences, length: length, vocabulary: 5, seed: 1)
        let table = RotaryTable(RotaryPositions(base: 1000), headWidth: d, context: 40)
        // Keys amid a row of other things: they alone turn.
        let before = 5, width = heads * d, stride = before + width + 3
        let rows = SampleValues.uniform(batch.rows * stride, seed: 2)
        let columns = { (x: [Float]) -> [Float] in
            (0..<batch.rows).flatMap { x[($0 * stride + before)..<($0 * stride + before + width)] }
        }
        let others = { (x: [Float]) -> [Float] in
            x.indices.filter { !(before..<(before + width)).contains($0 % stride) }.map { x[$0] }
        }
        for inverse in [false, true] {
            let x = Guarded(rows)
            table.rotate(
                x.values[before..<rows.count], heads: heads, rowStride: stride, batch: batch, inverse: inverse, on: team)
            let expected = Reference.rotate(
                columns(rows).doubles, heads: heads, headWidth: d, base: 1000, inverse: inverse) { $0 % length }
            #expect(relativeError(columns(x.array), expected) < 4e-6)
            #expect(others(x.array) == others(rows))
            #expect(x.isIntact)
        }
    }

    /// One position of each sequence turns as it does among the others.
    @Test func onePositionTurnsAsAllDo() {
        let d = 24, heads = 2, length = 9, stride = heads * d + 1
        let batch = SampleValues.microBatch(sequences: 4, length: length, vocabulary: 5, seed: 1)
        let table = RotaryTable(RotaryPositions(), headWidth: d, context: length)
        let rows = SampleValues.uniform(batch.rows * stride, seed: 2)
        let all = Buffer(rows)
        table.rotate(all, heads: heads, rowStride: stride, batch: batch, on: Team(threads: 2))
        for position in 0..<length {
            let rowsOfPosition = { (x: [Float]) -> [Float] in
                (0..<batch.sequences).flatMap { b -> ArraySlice<Float> in
                    let first = (b * length + position) * stride
                    return x[first..<(first + stride)]
                }
            }
            let some = Buffer(rowsOfPosition(rows))
            table.rotate(some, heads: heads, rowStride: stride, rows: batch.sequences, from: position, step: 0)
            #expect(some.array == rowsOfPosition(all.array))
        }
    }
}
