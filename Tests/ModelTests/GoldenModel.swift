import Foundation
import Kernels
import Model
import Testing

/// What PyTorch made (Golden/make_golden.py): weights, batches and what they should give.
struct GoldenModel {
    struct Contents: Decodable {
        struct Shape: Decodable { let vocabularySize, context, width, heads, layers: Int }
        struct Entry: Decodable {
            let name: String
            let shape: [Int]
            /// In floats.
            let offset: Int
        }
        let model: Shape
        let batch: Int
        let rate: LearningRate
        let adamW: AdamW
        let clip: Double
        /// Mean over the counted targets of the first batch.
        let loss: Double
        /// Of ten steps, each before its update, and the norms of their gradients before clipping.
        let losses, gradientNorms: [Double]
        let weights, expected: [Entry]
    }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden")

    let golden: Contents
    let configuration: ModelConfiguration
    let weights, expected: [String: [Float]]

    init() throws {
        let json = try Data(contentsOf: Self.folder.appendingPathComponent("golden.json"))
        golden = try JSONDecoder().decode(Contents.self, from: json)
        configuration = try ModelConfiguration(
            vocabularySize: golden.model.vocabularySize, context: golden.model.context, width: golden.model.width,
            heads: golden.model.heads, layers: golden.model.layers)
        weights = try Self.read("weights.f32", golden.weights)
        expected = try Self.read("expected.f32", golden.expected)
    }

    private static func read(_ file: String, _ entries: [Contents.Entry]) throws -> [String: [Float]] {
        let data = try Data(contentsOf: folder.appendingPathComponent(file))
        let floats = data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
            }
        }
        let total = entries.reduce(0) { $0 + $1.shape.reduce(1, *) }
        try #require(floats.count == total, "\(file) holds \(floats.count) floats, its index \(total)")
        return Dictionary(uniqueKeysWithValues: entries.map {
            ($0.name, Array(floats[$0.offset..<($0.offset + $0.shape.reduce(1, *))]))
        })
    }

    /// The step's batch by make_golden.py's formula.
    func batch(_ step: Int) -> MicroBatch {
        let length = golden.model.context
        var tokens: [Int32] = [], targets: [Int32] = []
        for row in 0..<golden.batch {
            func token(_ column: Int) -> Int32 {
                let value = step * 31 + row * 17 + column * column * 7 + column * (step + row + 3)
                return Int32(value % golden.model.vocabularySize)
            }
            for column in 0..<length {
                tokens.append(token(column))
                targets.append(column % 11 == 5 ? -1 : token(column + 1))
            }
        }
        return MicroBatch(
            sequences: golden.batch, length: length, tokens: Buffer(tokens), targets: Buffer(targets),
            samples: (0..<UInt64(golden.batch)).map { $0 })
    }

    /// Runs one batch; the gradients become those of the mean loss, which is returned.
    func pass(_ run: StageRun, _ batch: MicroBatch) -> Double {
        let counted = batch.targets.array.count { $0 >= 0 }
        return run.pass(batch, scale: 1 / Float(counted)) / Double(counted)
    }
}
