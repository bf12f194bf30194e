import Exchange
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct WriterTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private var path: String { scratch.path + "/model.safetensors" }

    private let tensors: [(name: String, shape: [Int])] = [
        ("b", [2, 3]), ("a.10", [4]), ("a.2", []), ("é", [1]), ("Z", [0, 5]), ("a\"\\/", [2]),
    ]

    private func values(_ name: String) -> Buffer<Float> {
        let shape = tensors.first { $0.name == name }!.shape
        let start = Float(name.utf8.reduce(0) { $0 + Int($1) })
        return Buffer((0..<shape.reduce(1, *)).map { start - Float($0) / 3 })
    }

    @Test func headerByteForByte() throws {
        try SafetensorsWriter.write([("b", [2]), ("a", [1, 1])], to: path) { name in
            Buffer(name == "b" ? [1, 2] : [3])
        }
        let header = "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}"
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        var expected = lengthField(UInt64(padded.utf8.count)) + Data(padded.utf8)
        for value in [3, 1, 2] as [Float] {
            expected += (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
        #expect(try contents(path) == expected)
    }

    @Test func whatIsWrittenIsRead() throws {
        try SafetensorsWriter.write(tensors, to: path, values: values)
        let file = try SafetensorsFile(path: path)
        // By bytes: 10 before 2, capitals before small letters, accents last.
        #expect(file.tensors.map(\.name) == ["Z", "a\"\\/", "a.10", "a.2", "b", "é"])
        #expect(file.metadata == ["format": "pt"])
        for (name, shape) in tensors {
            #expect(file.tensor(name)?.shape == shape)
            #expect(file.tensor(name)?.type == .float32)
            #expect(try file.values(name).array == values(name).array)
        }
        let again = scratch.path + "/again"
        try SafetensorsWriter.write(file.tensors.map { ($0.name, $0.shape) }, to: again, values: file.values)
        #expect(try contents(again) == contents(path))
    }

    @Test func notesOfAnyText() throws {
        let notes = ["format": "pt", "text": "\"\\\n\r\t\u{8}\u{C}\u{1}/é😀", "": ""]
        let writer = try SafetensorsWriter(path: path, tensors: [], metadata: notes)
        try writer.finish()
        #expect(try SafetensorsFile(path: path).metadata == notes)
        let bare = try SafetensorsWriter(path: path, tensors: [], metadata: [:])
        try bare.finish()
        #expect(try contents(path) == safetensors("{}", padding: "      "))
    }

    @Test func whatNoFileHoldsIsRefused() throws {
        let cases: [([(name: String, shape: [Int])], String)] = [
            ([("", [1])], "tensor \"\": a tensor's name is empty"),
            ([("a\nb", [1])], "tensor \"a\\u{a}b\": a tensor's name holds control characters"),
            ([("a", [1]), ("a", [2])], "tensor \"a\": the name comes twice"),
            ([("__metadata__", [1])], "tensor \"__metadata__\": the format keeps this name for itself"),
            ([("a", [-1])], "tensor \"a\": no file holds a tensor of shape [-1]"),
            ([("a", [1 << 62])], "tensor \"a\": no file holds a tensor of shape [4611686018427387904]"),
            ([("a", [1, 1, 1, 1, 1, 1, 1, 1, 1])], "tensor \"a\": no file holds a tensor of shape [1, 1, 1, 1, 1, 1, 1, 1, 1]"),
            (
                [("a", [1 << 60]), ("b", [1 << 60])],
                "tensor \"b\": no file holds a tensor of shape [1152921504606846976] besides the others"
            ),
        ]
        for (tensors, problem) in cases {
            #expect(refusal(of: path) { _ = try SafetensorsWriter(path: path, tensors: tensors) } == problem)
        }
        #expect(scratch.names == [])
    }

    @Test func aFileThatIsNotFinishedLeavesTheOldOne() throws {
        try SafetensorsWriter.write(tensors, to: path, values: values)
        let old = try contents(path)
        #expect(throws: CancellationError.self) {
            try SafetensorsWriter.write(tensors, to: path) { name in
                if name == "b" { throw CancellationError() }
                return values(name)
            }
        }
        #expect(try contents(path) == old)
        #expect(scratch.names == ["model.safetensors"])
    }

    @Test func placesThatCannotBeWritten() throws {
        let path = scratch.path + "/none/model.safetensors"
        let line = refusal(of: path + ".partial-\(getpid())") {
            try SafetensorsWriter.write(tensors, to: path, values: values)
        }
        #expect(line == "cannot create: No such file or directory; choose a directory that exists")
    }

    private struct Seen: Decodable {
        let metadata: [String: String]
        let tensors: [String: SeenTensor]
    }

    @Test(.enabled(if: Python.withSafetensors != nil, "needs Python with safetensors"))
    func pythonReadsIt() async throws {
        try SafetensorsWriter.write(tensors, to: path, values: values)
        let script = testsFolder.appendingPathComponent("Python/read.py").path
        let outcome = try await run(try #require(Python.withSafetensors), [script, path])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let seen = try JSONDecoder().decode(Seen.self, from: Data(outcome.output.utf8))
        #expect(seen.metadata == ["format": "pt"])
        #expect(seen.tensors.count == tensors.count)
        for (name, shape) in tensors {
            #expect(seen.tensors[name]?.type == "float32")
            #expect(seen.tensors[name]?.shape == shape)
            #expect(seen.tensors[name]?.bits == values(name).array.map(\.bitPattern))
        }
    }
}
