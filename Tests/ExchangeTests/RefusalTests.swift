import Exchange
import Foundation
import TestSupport
import Testing

/// What is not a safetensors file is refused before anything it claims is believed.
@Suite struct RefusalTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func refusal(_ bytes: Data, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let path = try scratch.write(bytes, to: "model.safetensors")
        return ExchangeTests.refusal(of: path, sourceLocation: sourceLocation) {
            _ = try SafetensorsFile(path: path)
        }
    }

    private let remedy = "; fetch or convert the file again"

    /// Expects a header to be refused with exactly this.
    private func refuse(
        _ header: String, data: Int = 4, _ problem: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let line = try refusal(safetensors(header, data: data), sourceLocation: sourceLocation)
        #expect(line == problem + remedy, sourceLocation: sourceLocation)
    }

    /// Expects one tensor `a` to be refused with exactly this.
    private func refuse(
        tensor: String, data: Int = 4, _ problem: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try refuse("{\"a\":\(tensor)}", data: data, "tensor \"a\": \(problem)", sourceLocation: sourceLocation)
    }

    private func tensor(_ shape: String, _ begin: String, _ end: String, type: String = "F32") -> String {
        "{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
    }

    @Test func lengths() throws {
        #expect(try refusal(Data()) == "0 bytes, too few for a safetensors file" + remedy)
        #expect(try refusal(Data("{}".utf8)) == "2 bytes, too few for a safetensors file" + remedy)
        #expect(try refusal(lengthField(0)) == "it says that its header is empty" + remedy)
        #expect(
            try refusal(lengthField(3) + Data("{}".utf8))
                == "it says that its header has 3 bytes, the file ends after 10" + remedy)
        for length in [100_000_001, 1 << 60, 1 << 63, .max] as [UInt64] {
            #expect(
                try refusal(lengthField(length) + Data("{}".utf8))
                    == "it says that its header has \(length) bytes, 100000000 are allowed" + remedy)
        }
    }

    @Test func whatIsNotJSON() throws {
        try refuse("[]", "its header is not a JSON object")
        try refuse(" {}", "its header is not a JSON object")
        try refuse("{", "header: not JSON: no \"; it ends too early")
        try refuse("{}}", "header: not JSON: text behind its end at byte 2")
        try refuse("{\"a\"}", "header: not JSON: no : at byte 4")
        try refuse("{\"a\":", "tensor \"a\": not JSON: no value; it ends too early")
        try refuse("{\"a\":nul}", "tensor \"a\": not an object with dtype, shape and data_offsets")
        try refuse("{\"a\n\":1}", "header: not JSON: a string without an end at byte 3")
        try refuse("{\"a\\x\":1}", "header: not JSON: no such escape at byte 4")
        try refuse("{\"\\u12", "header: not JSON: no hexadecimal digit; it ends too early")
        try refuse("{\"\\ud800\":1}", "header: not JSON: half a surrogate pair at byte 8")
        try refuse("{\"\\ud800\\u0041\":1}", "header: not JSON: half a surrogate pair at byte 14")
        try refuse("{\"\\udc00\":1}", "header: not JSON: half a surrogate pair at byte 8")
        try refuse("{'a':1}", "header: not JSON: no \" at byte 1")
        try refuse(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}", "tensor \"a\": not JSON: no ] at byte 30")
        let bytes = Data("{\"".utf8) + [0xC0, 0xAF] + Data("\":1}".utf8)
        #expect(try refusal(lengthField(UInt64(bytes.count)) + bytes) == "header: not UTF-8 at byte 2" + remedy)
    }

    @Test func deepNestingIsRefused() throws {
        let deep = String(repeating: "[", count: 1_000_000)
        try refuse("{\"a\":{\"dtype\":\(deep)", "tensor \"a\": dtype is not a string")
        try refuse("{\"__metadata__\":{\"x\":\(deep)", "__metadata__: \"x\" is not a string")
        try FileManager.default.removeItem(atPath: scratch.path + "/model.safetensors")
        let path = try scratch.write("{\"metadata\":\(deep)", to: "model.safetensors.index.json")
        let line = ExchangeTests.refusal(of: path) { _ = try SafetensorsModel(directory: scratch.path) }
        #expect(line == "more than 64 values inside each other at byte 76" + remedy)
    }

    @Test func keysThatComeTwice() throws {
        let good = tensor("1", "0", "4")
        try refuse("{\"a\":\(good),\"a\":\(good)}", "tensor \"a\": the name comes twice")
        try refuse("{\"a\":\(good),\"\\u0061\":\(good)}", "tensor \"a\": the name comes twice")
        try refuse("{\"__metadata__\":{},\"__metadata__\":{}}", "header: the key \"__metadata__\" comes twice")
        try refuse(
            "{\"__metadata__\":{\"k\":\"1\",\"\\u006b\":\"2\"}}", "__metadata__: the key \"k\" comes twice")
        for (key, value) in [("dtype", "\"U8\""), ("shape", "[4]"), ("data_offsets", "[0,4]"), ("\\u0073hape", "[1]")] {
            let name = key.replacing("\\u0073", with: "s")
            try refuse(tensor: String(good.dropLast()) + ",\"\(key)\":\(value)}", "the key \"\(name)\" comes twice")
        }
    }

    @Test func metadata() throws {
        try refuse("{\"__metadata__\":null}", "__metadata__: not an object of strings")
        try refuse("{\"__metadata__\":{\"a\":1}}", "__metadata__: \"a\" is not a string")
        try refuse("{\"__metadata__\":{\"a\":{}}}", "__metadata__: \"a\" is not a string")
    }

    @Test func partsOfATensor() throws {
        try refuse(tensor: "1", "not an object with dtype, shape and data_offsets")
        try refuse(tensor: "{}", "no dtype")
        try refuse(tensor: "{\"dtype\":\"F32\"}", "no shape")
        try refuse(tensor: "{\"dtype\":\"F32\",\"shape\":[1]}", "no data_offsets of a begin and an end")
        try refuse(
            tensor: "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}", "no data_offsets of a begin and an end")
        try refuse(
            tensor: "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}", "data_offsets has more than 2 numbers")
        try refuse(tensor: tensor("1", "0", "4").dropLast() + ",\"strides\":[1]}", "unknown key \"strides\"")
        try refuse(tensor: "{\"dtype\":1}", "dtype is not a string")
        try refuse(tensor: "{\"shape\":1}", "shape is not an array")
        try refuse(tensor: tensor("1", "0", "4", type: "F31"), "unknown dtype \"F31\"")
        try refuse(tensor: tensor("1", "0", "4", type: "f32"), "unknown dtype \"f32\"")
        try refuse(tensor: tensor("1", "0", "4", type: "\\n\\u001b[2J"), "unknown dtype \"\\u{a}\\u{1b}[2J\"")
        try refuse(tensor: tensor("1,1,1,1,1,1,1,1,1", "0", "4"), "shape has more than 8 numbers")
    }

    @Test(arguments: ["-1", "-0", "1.0", "1e0", "1e400", "9223372036854775808", "18446744073709551616", "0.5"])
    func numbersThatAreNoSizes(digits: String) throws {
        let problem = "holds \(digits), not a whole number from 0 to 9223372036854775807"
        try refuse(tensor: tensor(digits, "0", "4"), "shape \(problem)")
        try refuse(tensor: tensor("1", digits, "4"), "data_offsets \(problem)")
        try refuse(tensor: tensor("1", "0", digits), "data_offsets \(problem)")
    }

    @Test func valuesThatAreNoNumbers() throws {
        for value in ["\"1\"", "null", "true", "[1]", "{}"] {
            try refuse(tensor: tensor(value, "0", "4"), "shape holds what is not a number")
        }
        let long = String(repeating: "9", count: 1000)
        try refuse(
            tensor: tensor(long, "0", "4"),
            "shape holds \(long.prefix(40))…, not a whole number from 0 to 9223372036854775807")
    }

    @Test func sizesThatOverflow() throws {
        let (half, most) = ("4611686018427387904", "9223372036854775807")
        for shape in [[half], [most], [half, "2"], ["1152921504606846976", "1152921504606846976"], [half, half, "0"]] {
            let numbers = shape.joined(separator: ", ")
            try refuse(tensor: tensor(numbers, "0", "4"), "shape [\(numbers)] is absurdly large")
        }
        let (large, bytes) = ("1152921504606846976", "4611686018427387904")
        try refuse(
            tensor: tensor(large, "0", bytes), "data_offsets end at \(bytes), the file's data at 4; the file may be cut")
        try refuse(
            tensor: tensor(large, "0", "4"), "shape [\(large)] of F32 takes \(bytes) bytes, data_offsets give 4")
    }

    @Test func placesInTheData() throws {
        try refuse(tensor: tensor("1", "4", "0"), "data_offsets begin at 4, behind their end at 0")
        try refuse(tensor: tensor("2", "0", "8"), "data_offsets end at 8, the file's data at 4; the file may be cut")
        try refuse(tensor: tensor("2", "0", "4"), "shape [2] of F32 takes 8 bytes, data_offsets give 4")
        try refuse(tensor: tensor("1", "0", "4", type: "F16"), "shape [1] of F16 takes 2 bytes, data_offsets give 4")
        try refuse(tensor: tensor("0", "0", "4"), "shape [0] of F32 takes 0 bytes, data_offsets give 4")
        try refuse(
            tensor: tensor("1", "4", "8"), data: 8, "bytes 0 to 4 of the data, before it, belong to no tensor")
        try refuse("{\"a\":\(tensor("1", "0", "4"))}", data: 5, "data: 1 bytes behind the last tensor belong to none")
        try refuse("{}", data: 5, "data: 5 bytes behind the last tensor belong to none")
        let first = "\"a\":\(tensor("2", "0", "8"))"
        try refuse(
            "{\(first),\"b\":\(tensor("1", "4", "8"))}", data: 8,
            "tensor \"b\": its bytes overlap those of tensor \"a\"")
        try refuse(
            "{\(first),\"b\":\(tensor("2", "0", "8"))}", data: 8,
            "tensor \"b\": its bytes overlap those of tensor \"a\"")
        try refuse(
            "{\"b\":\(tensor("1", "12", "16")),\(first)}", data: 16,
            "tensor \"b\": bytes 8 to 12 of the data, before it, belong to no tensor")
    }

    @Test func names() throws {
        let good = tensor("1", "0", "4")
        try refuse("{\"\":\(good)}", "\"\": a tensor's name is empty")
        for (name, shown) in [
            ("a\\nb", "a\\u{a}b"), ("\\u0000", "\\u{0}"), ("\\u001b[2J", "\\u{1b}[2J"), ("\u{7F}", "\\u{7f}"),
            ("\\u009b", "\\u{9b}"), ("\\u2028", "\\u{2028}"),
        ] {
            try refuse("{\"\(name)\":\(good)}", "\"\(shown)\": a tensor's name holds control characters")
        }
        // A message stays short whatever the name.
        let line = try refusal(safetensors("{\"\(String(repeating: "x", count: 100_000))\":1}"))
        #expect(line.count < 300)
    }

    @Test func whatIsAllowed() throws {
        let header = "{\"z\" : \(tensor("", "0", "4")),\n \"e\":\(tensor("0,3", "4", "4")),"
            + "\"😀\\ud83d\\ude00\":\(tensor("1", "4", "8"))}"
        let path = try scratch.write(safetensors(header, data: 8, padding: "  \n "), to: "model.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(file.tensors.map(\.name) == ["z", "e", "😀😀"])
        #expect(file.tensors.map(\.shape) == [[], [0, 3], [1]])
        #expect(file.tensors.map(\.count) == [1, 0, 1])
        #expect(file.metadata == nil)
        #expect(try SafetensorsFile(path: scratch.write(safetensors("{}"), to: "none")).tensors == [])
    }

    @Test func filesThatCannotBeRead() throws {
        let missing = scratch.path + "/none"
        #expect(
            ExchangeTests.refusal(of: missing) { _ = try SafetensorsFile(path: missing) }
                == "cannot read: No such file or directory; check the path")
        #expect(
            ExchangeTests.refusal(of: scratch.path) { _ = try SafetensorsFile(path: scratch.path) }
                == "cannot read: Not a regular file; choose another")
        // A pipe that nobody writes must not be waited for.
        let pipe = scratch.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(
            ExchangeTests.refusal(of: pipe) { _ = try SafetensorsFile(path: pipe) }
                == "cannot read: Not a regular file; choose another")
    }

    /// A header of the largest size that is believed costs its own bytes, not what it claims.
    @Test func theFileIsSparseAndLarge() throws {
        let path = try scratch.write(lengthField(100_000_000), to: "large")
        try #require(truncate(path, 200_000_000) == 0)
        #expect(
            ExchangeTests.refusal(of: path) { _ = try SafetensorsFile(path: path) }
                == "its header is not a JSON object" + remedy)
    }
}
