import Exchange
import Foundation
import Kernels
import TestSupport
import Testing

/// Directories of one file and of several.
@Suite struct ModelTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func write(_ file: String, _ tensors: [(name: String, value: Float)]) throws {
        try SafetensorsWriter.write(tensors.map { ($0.name, [2]) }, to: scratch.path + "/" + file) { name in
            let value = tensors.first { $0.name == name }!.value
            return Buffer([value, -value])
        }
    }

    private func writeIndex(_ map: String, more: String = "\"metadata\":{\"total_size\":24},") throws {
        _ = try scratch.write("{\(more)\"weight_map\":\(map)}", to: "model.safetensors.index.json")
    }

    private func writeShards() throws {
        try write("model-00001-of-00002.safetensors", [("c", 3), ("a", 1)])
        try write("model-00002-of-00002.safetensors", [("b", 2)])
    }

    private let map = "{\"a\":\"model-00001-of-00002.safetensors\",\"b\":\"model-00002-of-00002.safetensors\","
        + "\"c\":\"model-00001-of-00002.safetensors\"}"

    private func read(_ name: String, of model: SafetensorsModel) throws -> [Float] {
        let values = Buffer<Float>(uninitialized: 2)
        try model.read(name, shape: [2], into: values)
        return values.array
    }

    @Test func oneFile() throws {
        try write("model.safetensors", [("x", 7), ("w", 8)])
        let model = try SafetensorsModel(directory: scratch.path)
        #expect(model.tensors.map(\.name) == ["w", "x"])
        #expect(try read("x", of: model) == [7, -7])
        #expect(model.tensor("x")?.shape == [2])
        #expect(model.tensor("y") == nil)
        let line = refusal(of: scratch.path) { _ = try read("y", of: model) }
        #expect(line == "no tensor \"y\"; use the weights that belong to this configuration")
        // As for Hugging Face's loader, the list does not count beside it.
        try writeIndex("{}")
        #expect(throws: Never.self) { try SafetensorsModel(directory: scratch.path) }
    }

    @Test func severalFiles() throws {
        try writeShards()
        try writeIndex(map)
        let model = try SafetensorsModel(directory: scratch.path)
        #expect(model.tensors.map(\.name) == ["a", "b", "c"])
        #expect(try read("a", of: model) == [1, -1])
        #expect(try read("b", of: model) == [2, -2])
        #expect(try read("c", of: model) == [3, -3])
        let path = scratch.path + "/model-00002-of-00002.safetensors"
        let line = refusal(of: path) { try model.read("b", shape: [1, 2], into: Buffer(uninitialized: 2)) }
        #expect(line.hasPrefix("tensor \"b\" has the shape [2] where [1, 2] is expected"))
    }

    @Test func linksAreFollowed() throws {
        let blobs = try Scratch()
        try SafetensorsWriter.write([("a", [2])], to: blobs.path + "/blob") { _ in Buffer([1, 2]) }
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/model.safetensors", withDestinationPath: blobs.path + "/blob")
        #expect(try read("a", of: SafetensorsModel(directory: scratch.path)) == [1, 2])
    }

    @Test func nothingThere() throws {
        let line = refusal(of: scratch.path) { _ = try SafetensorsModel(directory: scratch.path) }
        #expect(
            line == "has no model.safetensors and no model.safetensors.index.json; "
                + "choose the directory of a model saved as safetensors")
    }

    /// Expects the list to be refused with exactly this.
    private func refuse(_ map: String, _ problem: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try writeIndex(map)
        let path = scratch.path + "/model.safetensors.index.json"
        let line = refusal(of: path, sourceLocation: sourceLocation) { _ = try SafetensorsModel(directory: scratch.path) }
        #expect(line == problem + "; fetch or convert the file again", sourceLocation: sourceLocation)
    }

    @Test(arguments: ["../x", "/etc/passwd", "..", ".", "", "a/b", "a\\u0000", "a\\nb"])
    func filesOutsideTheDirectory(name: String) throws {
        try writeShards()
        try writeIndex(map.replacing("\"a\":\"model-00001-of-00002.safetensors\"", with: "\"a\":\"\(name)\""))
        let path = scratch.path + "/model.safetensors.index.json"
        let line = refusal(of: path) { _ = try SafetensorsModel(directory: scratch.path) }
        #expect(line.hasPrefix("tensor \"a\": \""))
        #expect(line.hasSuffix(" is not the name of a file in the directory; fetch or convert the file again"))
    }

    @Test func listsThatDoNotFit() throws {
        try writeShards()
        let (first, second) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
        try refuse("{}", "no weight_map from tensors to files")
        try refuse("[]", "weight_map: not an object of strings")
        try refuse("{\"a\":1}", "weight_map: \"a\" is not a string")
        try refuse(map.dropLast() + ",\"a\":\"\(first)\"}", "weight_map: the key \"a\" comes twice")
        try refuse(map + ",\"weight_map\":{}", "the key \"weight_map\" comes twice")
        try refuse(map.dropLast() + ",\"d\":\"\(second)\"}", "tensor \"d\": \"\(second)\" does not hold it")
        try refuse(
            map.replacing("\"a\":\"\(first)\"", with: "\"a\":\"\(second)\""),
            "tensor \"a\": \"\(first)\" holds it, not \"\(second)\"")
        try refuse(
            map.replacing("\"a\":\"\(first)\",", with: ""), "tensor \"a\": \"\(first)\" holds it, the list does not name it")
        try write(second, [("b", 2), ("c", 4)])
        try refuse(map, "tensor \"c\": both \"\(first)\" and \"\(second)\" hold it")
    }

    @Test func listsThatAreNotJSON() throws {
        for text in ["", "[]", "{", "{}x", "\u{FEFF}{}"] {
            let path = try scratch.write(text, to: "model.safetensors.index.json")
            let line = refusal(of: path) { _ = try SafetensorsModel(directory: scratch.path) }
            #expect(line.contains("JSON") || line.contains("weight_map"))
        }
    }

    @Test func aFileThatIsMissingIsNamed() throws {
        try writeShards()
        try writeIndex(map)
        let path = scratch.path + "/model-00002-of-00002.safetensors"
        try FileManager.default.removeItem(atPath: path)
        let line = refusal(of: path) { _ = try SafetensorsModel(directory: scratch.path) }
        #expect(line == "cannot read: No such file or directory; check the path")
    }
}
