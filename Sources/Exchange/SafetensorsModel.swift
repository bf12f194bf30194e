import Files
import JSON
import Kernels

/// The weights of a model's directory, in one safetensors file or in several.
///
/// One file is `model.safetensors`; several are named by `model.safetensors.index.json`, whose `weight_map` says which
/// tensor lies in which. Where both are, the one file counts, as for Hugging Face's loader.
public final class SafetensorsModel: Sendable {
    /// The directory that it was read from.
    public let directory: String
    /// What the files hold, sorted by the bytes of their names.
    public let tensors: [StoredTensor]

    private let files: [SafetensorsFile]
    /// Of every tensor, the number of its file.
    private let places: [String: Int]

    /// The name of a model that is one file.
    public static let fileName = "model.safetensors"
    /// The name of the list of a model's files.
    public static let indexName = "model.safetensors.index.json"

    /// Opens the files and checks their headers, and each against the list.
    ///
    /// - Parameter directory: Its path as the system takes it. Files in it may be links.
    /// - Throws: `noModel`; `file`, naming a file that cannot be read; `malformed` where a file breaks its format, the list
    ///   names files outside the directory, or files and list do not hold the same tensors, each once.
    public init(directory: String) throws(ExchangeError) {
        let index = "\(directory)/\(Self.indexName)"
        if fileExists("\(directory)/\(Self.fileName)") {
            files = [try SafetensorsFile(path: "\(directory)/\(Self.fileName)")]
        } else if fileExists(index) {
            files = try Self.files(listedBy: index, in: directory)
        } else {
            throw .noModel(directory: directory, names: [Self.fileName, Self.indexName])
        }
        tensors = files.flatMap(\.tensors).sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        var places: [String: Int] = [:]
        for (number, file) in files.enumerated() {
            for tensor in file.tensors { places[tensor.name] = number }
        }
        self.places = places
        self.directory = directory
    }

    /// The tensor of that name; nil where there is none.
    public func tensor(_ name: String) -> StoredTensor? { places[name].flatMap { files[$0].tensor(name) } }

    /// Reads a tensor of floating-point numbers as float32; see `SafetensorsFile.read`.
    ///
    /// - Parameters:
    ///   - name: One of `tensors`.
    ///   - shape: The shape it must have.
    ///   - values: Its elements, row-major; as many as the shape has.
    /// - Throws: `missingTensor`, `unreadableType`, `shape`, `file` and `malformed`.
    public func read(_ name: String, shape: [Int], into values: Buffer<Float>) throws(ExchangeError) {
        guard let number = places[name] else { throw .missingTensor(path: directory, name: name) }
        try files[number].read(name, shape: shape, into: values)
    }
}

extension SafetensorsModel {
    /// Bytes of a list that are believed.
    private static let largestIndex = 100_000_000

    private static func files(listedBy path: String, in directory: String) throws(ExchangeError) -> [SafetensorsFile] {
        let content = try ForeignFile(path).contents(limit: largestIndex)
        let listed: [String: String]
        do {
            listed = try weightMap(content)
        } catch {
            throw error.error(path: path)
        }
        func malformed(_ tensor: String, _ problem: String) -> ExchangeError {
            .malformed(path: path, place: "tensor \(quoted(tensor))", problem: problem)
        }
        // In the order of their names, so that of several faults the same is named each time.
        for (tensor, file) in listed.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            guard isPlainName(file) else {
                throw malformed(tensor, "\(quoted(file)) is not the name of a file in the directory")
            }
        }
        let names = Set(listed.values).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var files: [SafetensorsFile] = []
        var owners: [String: String] = [:]
        for name in names {
            let file = try SafetensorsFile(path: "\(directory)/\(name)")
            for tensor in file.tensors {
                if let other = owners.updateValue(name, forKey: tensor.name) {
                    throw malformed(tensor.name, "both \(quoted(other)) and \(quoted(name)) hold it")
                }
                guard let expected = listed[tensor.name] else {
                    throw malformed(tensor.name, "\(quoted(name)) holds it, the list does not name it")
                }
                guard expected == name else {
                    throw malformed(tensor.name, "\(quoted(name)) holds it, not \(quoted(expected))")
                }
            }
            files.append(file)
        }
        let absent = listed.keys.filter { owners[$0] == nil }
        if let tensor = absent.min(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            throw malformed(tensor, "\(quoted(listed[tensor] ?? "")) does not hold it")
        }
        return files
    }

    /// From a tensor's name to its file's.
    private static func weightMap(_ json: [UInt8]) throws(Fault) -> [String: String] {
        var map: [String: String]?
        var keys: Set<String> = []
        var reader = try JSONReader(json)
        guard try reader.kind() == .object else { throw Fault("not a JSON object") }
        try reader.object { reader, key throws(Fault) in
            guard keys.insert(key).inserted else { throw Fault.repeated(key) }
            if key == "weight_map" {
                map = try reader.strings(in: key)
            } else {
                _ = try reader.value()
            }
        }
        try reader.end()
        guard let map, !map.isEmpty else { throw Fault("no weight_map from tensors to files") }
        return map
    }

    private static func isPlainName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/")) && !name.hasControls
    }
}
