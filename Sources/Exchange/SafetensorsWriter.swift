import Files
import Kernels

/// Writes a safetensors file of float32 tensors, one after the other; it takes its name when it is whole.
///
/// Byte for byte as the reference implementation writes them: the header's keys without spaces between them, tensors of
/// one type sorted by the bytes of their names, spaces behind the header up to a multiple of 8 bytes.
///
///     var writer = try SafetensorsWriter(path: path, tensors: [("norm.weight", [768]), …])
///     for name in writer.order { try writer.append(values[name], as: name) }
///     try writer.finish()
public struct SafetensorsWriter: ~Copyable {
    /// The tensors' names in the order in which they are appended.
    public let order: [String]

    private let path: String
    private let counts: [Int]
    private var written = 0
    private var file: ReplacementFile

    /// Makes the file under a temporary name and writes its header.
    ///
    /// - Parameters:
    ///   - path: What it is called in the end; a file of that name is replaced then.
    ///   - tensors: Names and shapes, in any order.
    ///   - metadata: The file's notes on itself. Hugging Face's loader wants to know of `format` `pt`.
    /// - Throws: `file`; `unwritable` where the format has no such names or shapes.
    public init(
        path: String, tensors: [(name: String, shape: [Int])], metadata: [String: String] = ["format": "pt"]
    ) throws(ExchangeError) {
        let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let header = try Self.header(sorted, metadata, path: path)
        let file = try Self.begun(path, header)
        order = sorted.map(\.name)
        counts = sorted.map { $0.shape.reduce(1, *) }
        self.path = path
        self.file = file
    }

    /// Writes the next tensor.
    ///
    /// - Parameters:
    ///   - values: Its elements, row-major.
    ///   - name: Of `order`, the one whose turn it is.
    /// - Throws: `file`.
    public mutating func append(_ values: Buffer<Float>, as name: String) throws(ExchangeError) {
        precondition(written < order.count && order[written] == name, "it is not the turn of tensor \(name)")
        precondition(values.count == counts[written], "\(values.count) elements for \(counts[written]) of \(name)")
        defer { withExtendedLifetime(values) {} }
        do {
            try file.append(values.bytes.bytes)
        } catch {
            throw .file(error)
        }
        written += 1
    }

    /// Waits until the file is on the disk and gives it its name.
    ///
    /// - Throws: `file`.
    public consuming func finish() throws(ExchangeError) {
        precondition(written == order.count, "\(written) of \(order.count) tensors written")
        do {
            try file.commit()
        } catch {
            throw .file(error)
        }
    }

    /// Writes a whole file.
    ///
    /// - Parameters:
    ///   - tensors: Names and shapes, in any order.
    ///   - path: What it is called in the end; a file of that name is replaced then.
    ///   - values: Gives a tensor's elements by its name, row-major; called once for each, in the file's order.
    /// - Throws: `ExchangeError`, `file` and `unwritable`, and what `values` throws; nothing is left behind then.
    public static func write(
        _ tensors: [(name: String, shape: [Int])], to path: String, values: (String) throws -> Buffer<Float>
    ) throws {
        var writer = try SafetensorsWriter(path: path, tensors: tensors)
        for name in writer.order { try writer.append(try values(name), as: name) }
        try writer.finish()
    }
}

extension SafetensorsWriter {
    /// The file with its header.
    private static func begun(_ path: String, _ header: [UInt8]) throws(ExchangeError) -> ReplacementFile {
        do {
            var file = try ReplacementFile(path)
            try file.append(header.span.bytes)
            return file
        } catch {
            throw .file(error)
        }
    }

    /// The length and the header, spaces included.
    private static func header(
        _ tensors: [(name: String, shape: [Int])], _ metadata: [String: String], path: String
    ) throws(ExchangeError) -> [UInt8] {
        var entries: [String] = []
        if !metadata.isEmpty {
            let notes = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            let list = notes.map { "\(jsonString($0.key)):\(jsonString($0.value))" }.joined(separator: ",")
            entries.append("\(jsonString(SafetensorsHeader.metadataKey)):{\(list)}")
        }
        var begin = 0
        var names: Set<String> = []
        for (name, shape) in tensors {
            func unwritable(_ problem: String) -> ExchangeError {
                .unwritable(path: path, name: name, problem: problem)
            }
            if let problem = StoredTensor.fault(inName: name) { throw unwritable(problem) }
            guard name != SafetensorsHeader.metadataKey else { throw unwritable("the format keeps this name for itself") }
            guard names.insert(name).inserted else { throw unwritable("the name comes twice") }
            guard shape.count <= StoredTensor.mostAxes, shape.allSatisfy({ $0 >= 0 }),
                let bytes = StoredTensor.byteCount(of: shape, .float32)
            else { throw unwritable("no file holds a tensor of shape \(shape)") }
            let (end, overflow) = begin.addingReportingOverflow(bytes)
            guard !overflow else { throw unwritable("no file holds a tensor of shape \(shape) besides the others") }
            let extents = shape.map(String.init).joined(separator: ",")
            entries.append(
                "\(jsonString(name)):{\"dtype\":\"F32\",\"shape\":[\(extents)],\"data_offsets\":[\(begin),\(end)]}")
            begin = end
        }
        var json = Array("{\(entries.joined(separator: ","))}".utf8)
        while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
        guard json.count <= SafetensorsHeader.largest else {
            throw .unwritable(
                path: path, name: tensors.last?.name ?? "",
                problem: "with the others' its name makes a header of more than \(SafetensorsHeader.largest) bytes")
        }
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }

    /// A string of JSON; only what must be is escaped.
    private static func jsonString(_ text: String) -> String {
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": json += "\\\(scalar)"
            case "\u{8}": json += "\\b"
            case "\u{C}": json += "\\f"
            case "\n": json += "\\n"
            case "\r": json += "\\r"
            case "\t": json += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }
}
