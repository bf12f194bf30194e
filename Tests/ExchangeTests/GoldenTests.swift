import Exchange
import Foundation
import Kernels
import TestSupport
import Testing

/// Files that the reference implementation wrote (Golden/make_safetensors.py).
@Suite struct GoldenTests {
    private let expected: [String: [String: SeenTensor]]

    init() throws {
        expected = try JSONDecoder().decode([String: [String: SeenTensor]].self, from: contents(golden("expected.json")))
    }

    @Test(arguments: ["types.safetensors", "float32.safetensors"])
    func valuesAreThoseOfNumPyAndPyTorch(name: String) throws {
        let file = try SafetensorsFile(path: golden(name))
        let tensors = try #require(expected[name])
        #expect(Set(file.tensors.map(\.name)) == Set(tensors.keys))
        for tensor in file.tensors {
            let seen = try #require(tensors[tensor.name])
            #expect(tensor.type.rawValue == seen.type, "\(tensor.name)")
            #expect(tensor.shape == seen.shape, "\(tensor.name)")
            guard let bits = seen.bits else {
                let line = refusal(of: golden(name)) {
                    try file.read(tensor.name, shape: tensor.shape, into: Buffer(uninitialized: tensor.count))
                }
                #expect(line.hasPrefix("tensor \"\(tensor.name)\" is stored as \(seen.type), which is not read"))
                continue
            }
            #expect(try file.values(tensor.name).array.map(\.bitPattern) == bits, "\(tensor.name)")
        }
    }

    @Test func metadata() throws {
        #expect(
            try SafetensorsFile(path: golden("types.safetensors")).metadata
                == ["format": "pt", "made by": "make_safetensors.py"])
        #expect(try SafetensorsFile(path: golden("float32.safetensors")).metadata == ["format": "pt"])
    }

    @Test func writtenAgainItIsByteForByteTheSame() throws {
        let scratch = try Scratch()
        let file = try SafetensorsFile(path: golden("float32.safetensors"))
        let path = scratch.path + "/model.safetensors"
        // The order in which they are named does not matter.
        try SafetensorsWriter.write(file.tensors.reversed().map { ($0.name, $0.shape) }, to: path) { name in
            try file.values(name)
        }
        #expect(try contents(path) == contents(golden("float32.safetensors")))
        #expect(scratch.names == ["model.safetensors"])
    }

    @Test func otherShapesAndNamesAreRefused() throws {
        let path = golden("types.safetensors")
        let file = try SafetensorsFile(path: path)
        for shape in [[4, 3], [12], [3, 4, 1]] {
            let line = refusal(of: path) { try file.read("single.matrix", shape: shape, into: Buffer(uninitialized: 12)) }
            #expect(
                line == "tensor \"single.matrix\" has the shape [3, 4] where \(shape) is expected; "
                    + "use the weights that belong to this configuration")
        }
        let line = refusal(of: path) { try file.read("none\n", shape: [], into: Buffer(uninitialized: 1)) }
        #expect(line == "no tensor \"none\\u{a}\"; use the weights that belong to this configuration")
    }

    /// All 65,536 halves and bfloat16 numbers, against the arithmetic that their definition is.
    @Test func everyNumberOf16Bits() throws {
        let scratch = try Scratch()
        var data = Data()
        for bits in UInt16.min...UInt16.max { data += [UInt8(bits & 0xFF), UInt8(bits >> 8)] }
        let header = "{\"h\":{\"dtype\":\"F16\",\"shape\":[65536],\"data_offsets\":[0,131072]},"
            + "\"b\":{\"dtype\":\"BF16\",\"shape\":[65536],\"data_offsets\":[131072,262144]}}"
        let path = try scratch.write(safetensors(header) + data + data, to: "model.safetensors")
        let file = try SafetensorsFile(path: path)
        for (name, exponentBits) in [("h", 5), ("b", 8)] {
            let values = try file.values(name).array
            let wrong = values.enumerated().filter { bits, value in
                let fractionBits = 15 - exponentBits
                let bias = 1 << (exponentBits - 1) - 1
                let exponent = bits >> fractionBits & (1 << exponentBits - 1)
                let fraction = bits & (1 << fractionBits - 1)
                guard (value.sign == .minus) == (bits >> 15 == 1) else { return true }
                if exponent == 1 << exponentBits - 1 { return fraction == 0 ? !value.isInfinite : !value.isNaN }
                let significand = Double(exponent == 0 ? fraction : fraction + 1 << fractionBits)
                let scale = pow(2, Double(max(exponent, 1) - bias - fractionBits))
                return Double(value.magnitude) != significand * scale
            }
            #expect(wrong.count == 0, "\(name): \(wrong.count) wrong, the first \(wrong.first.map { "\($0)" } ?? "")")
        }
    }

    /// Longer than the pieces that conversions read.
    @Test func aLongTensor() throws {
        let scratch = try Scratch()
        let count = 700_001
        var data = Data(capacity: 2 * count)
        for i in 0..<count { data += [UInt8(i & 0x7F), 0x3F] }
        let header = "{\"x\":{\"dtype\":\"BF16\",\"shape\":[\(count)],\"data_offsets\":[0,\(2 * count)]}}"
        let path = try scratch.write(safetensors(header) + data, to: "model.safetensors")
        let file = try SafetensorsFile(path: path)
        let values = try file.values("x")
        #expect((0..<count).allSatisfy { values[$0].bitPattern == 0x3F00_0000 | UInt32($0 & 0x7F) << 16 })

        // Cut behind its reader's back, it is an error and not a signal.
        try #require(truncate(path, 1_000_000) == 0)
        let line = refusal(of: path) { _ = try file.values("x") }
        #expect(line == "it became shorter while it was read; fetch or convert the file again")
    }
}
