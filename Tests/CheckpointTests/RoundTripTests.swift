import Checkpoint
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct RoundTripTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func everyKindComesBack() throws {
        let path = try saveSample(in: scratch.path)
        #expect(path == scratch.path + "/checkpoint-00000007.h5")
        #expect(scratch.names == ["checkpoint-00000007.h5"])

        let reader = try CheckpointReader(path: path)
        #expect(reader.step == 7)
        #expect(reader.formatVersion == 1)
        #expect(try reader.attribute("note") == .text("größer"))
        #expect(try reader.attribute("rate") == .real(0.25))
        #expect(try reader.attribute("step") == .integer(7))
        #expect(try reader.json("/config", as: [String: Int].self) == ["width": 256, "layers": 4])
        #expect(try reader.read("/model/a.weight", shape: [6, 4], of: Float.self).array == ramp(24).array)
        #expect(try reader.scalar("/data/cursor", of: Int64.self) == -12)
        #expect(try reader.scalar("/rng/key", of: UInt64.self) == .max)
        #expect(try reader.bytes("/tokenizer/vocab.bpe") == Array("#version\n\u{0}x".utf8))
        #expect(try reader.text("/tokenizer/hash") == "naïve")
        let trace = try reader.read("/traces/rank", shape: [5, 3], of: Int32.self)
        #expect(trace.array == [0, 0, 0, 1, 10, 100, 2, 20, 200, 3, 30, 300, 4, 40, 400])
        #expect(reader.description(of: "/traces/rank")?.axes == ["step", "layer"])
        #expect(reader.description(of: "/traces/rank")?.units == "1")
        try reader.verify()

        let part = Buffer<Float>(count: 30, repeating: -1)
        try reader.read("/model/a.weight", shape: [6, 4], into: part[3..<27])
        #expect(part.array == [-1, -1, -1] + ramp(24).array + [-1, -1, -1])
    }

    @Test func equalContentsGiveEqualBytes() throws {
        let other = try Scratch()
        let first = try Data(contentsOf: URL(fileURLWithPath: saveSample(in: scratch.path)))
        let second = try Data(contentsOf: URL(fileURLWithPath: saveSample(in: other.path)))
        #expect(first == second)
    }

    @Test func emptyThingsComeBack() throws {
        var writer = try CheckpointWriter(directory: scratch.path, step: 0)
        try writer.write("/empty", shape: [0, 3], Buffer<Double>([]))
        try writer.write("/narrow", shape: [3, 0], Buffer<Double>([]))
        try writer.write("/text", text: "")
        try writer.write("/bytes", bytes: [])
        try writer.setAttribute("nothing", .text(""))
        let trace = try writer.createTrace("/trace", rowShape: [], axes: ["step"], units: "", of: Float.self)
        try writer.finish(trace)
        let reader = try CheckpointReader(path: try writer.commit())
        #expect(try reader.read("/empty", shape: [0, 3], of: Double.self).count == 0)
        #expect(try reader.read("/narrow", shape: [3, 0], of: Double.self).count == 0)
        #expect(try reader.text("/text") == "")
        #expect(try reader.bytes("/bytes") == [])
        #expect(try reader.read("/trace", shape: [0], of: Float.self).count == 0)
        #expect(try reader.attribute("nothing") == .text(""))
    }

    /// Rows written in pieces, two datasets at a time, and read in slabs: over two mebibytes each, rows of odd size.
    @Test func piecesMakeAWhole() throws {
        let (rows, columns) = (1_003, 777)
        let whole = ramp(rows * columns)
        var writer = try CheckpointWriter(directory: scratch.path, step: 1)
        var fixed = try writer.create("/fixed", shape: [rows, columns], of: Float.self)
        var growing = try writer.createTrace(
            "/growing", rowShape: [columns], axes: ["step", "value"], units: "nat", of: Float.self)
        var first = 0
        for piece in [1, 7, 64, 0, 127, rows - 199] {
            let elements = whole[first * columns..<(first + piece) * columns]
            try writer.append(elements, to: &fixed)
            try writer.append(elements, to: &growing)
            first += piece
        }
        try writer.finish(growing)
        try writer.finish(fixed)
        let reader = try CheckpointReader(path: try writer.commit())
        #expect(try reader.read("/fixed", shape: [rows, columns], of: Float.self).array == whole.array)
        #expect(try reader.read("/growing", shape: [rows, columns], of: Float.self).array == whole.array)
    }

    /// Digests as computed by the reference library, for every way in which a tail can end.
    @Test(arguments: [
        (0, "ef46db3751d8e999"), (1, "f592c0c7639c4cb6"), (3, "22c08528601d4f27"), (4, "fb1e5cf2f1ae4d95"),
        (7, "5613ac510496c04e"), (8, "57cb2b7521f3e21a"), (31, "e4a0e629e519a4ae"), (32, "cc6b8aaada790b2d"),
        (33, "35ec49850475a832"), (63, "bf9f0ba3cf95b28a"), (64, "155ccce4bf32befc"), (100, "4826e367566ea023"),
        (1000, "128da10cfbdc59d9"),
    ])
    func checksumsAreXXH64(count: Int, digest: String) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
        var writer = try CheckpointWriter(directory: scratch.path, step: 1)
        var pieces = try writer.create("/pieces", shape: [count], of: UInt8.self)
        for first in stride(from: 0, to: count, by: 13) {
            try writer.append(Buffer(Array(bytes[first..<min(first + 13, count)])), to: &pieces)
        }
        try writer.finish(pieces)
        try writer.write("/whole", bytes: bytes)
        let reader = try CheckpointReader(path: try writer.commit())
        #expect(reader.datasets.map(\.checksum) == [digest, digest])
    }
}
