import Files
import Foundation
import HDF5

/// The list of everything a checkpoint holds, stored in it as JSON.
struct Manifest: Codable, Equatable {
    static let currentFormat = 1
    static let dataset = "/manifest"

    enum Attribute {
        static let format = "format_version"
        static let step = "step"
        static let digest = "manifest_xxh64"
        static let reserved = [format, step, digest]
    }

    var format = currentFormat
    var step: Int
    var datasets: [DatasetDescription] = []

    /// The JSON, and the digest that is stored in a root attribute.
    func encoded() throws -> (text: String, digest: String) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = try encoder.encode(self)
        return (String(decoding: json, as: UTF8.self), Self.digest(of: Array(json)))
    }

    static func digest(of json: [UInt8]) -> String {
        json.withUnsafeBytes { XXH64.digest(of: $0) }.hexadecimal
    }
}

/// What the manifest says of one dataset.
public struct DatasetDescription: Codable, Equatable, Sendable {
    /// Its path in the file, such as `/model/` and a parameter's name.
    public let name: String
    /// The type of its elements.
    public let type: ElementType
    /// Extents, slowest axis first; empty for a scalar; for text its length in bytes.
    public internal(set) var shape: [Int]
    /// Names of the axes; empty where none were given.
    public let axes: [String]
    /// Unit of the values, such as `nat` or `1`; empty where none was given.
    public let units: String
    /// Stored in chunks, so that other tools can append rows to a copy.
    public let isExtendible: Bool
    /// XXH64 of the values' bytes, row-major, little-endian, as 16 hexadecimal digits.
    public internal(set) var checksum: String

    private enum CodingKeys: String, CodingKey {
        case name, type, shape, axes, units, checksum
        case isExtendible = "extendible"
    }

    init(
        name: String, type: ElementType, shape: [Int], axes: [String] = [], units: String = "",
        isExtendible: Bool = false
    ) {
        self.name = name
        self.type = type
        self.shape = shape
        self.axes = axes
        self.units = units
        self.isExtendible = isExtendible
        self.checksum = ""
    }

    /// Number of elements; for text, of bytes.
    public var count: Int { shape.reduce(1, *) }

    var byteCount: Int { count * type.byteCount }

    /// Rows along the first axis; a scalar and a text have one.
    var rowCount: Int { isSingle ? 1 : shape[0] }

    /// Elements in a row.
    var rowSize: Int { isSingle ? count : shape.dropFirst().reduce(1, *) }

    private var isSingle: Bool { shape.isEmpty || type == .text }

    /// The shape of the dataset in HDF5, where a text is a scalar.
    var storedShape: [Int] { type == .text ? [] : shape }

    /// Chunks of about 32 KiB, at least one row: a short trace stays small.
    var chunk: [Int] {
        let rows = (32 << 10) / max(rowSize * type.byteCount, 1)
        return [max(rows, 1)] + shape.dropFirst()
    }

    /// Type and shape as an error shows them.
    var kind: String { "\(type.rawValue) \(shape)" }
}

extension DatasetDescription {
    /// Largest dataset accepted, in bytes: beyond any file, and small enough that no product overflows.
    private static let largest = 1 << 48

    /// What is wrong with the shape; nil if nothing is.
    var shapeFault: String? {
        guard shape.count <= 32 else { return "\(shape.count) axes, HDF5 has 32" }
        guard shape.allSatisfy({ $0 >= 0 }) else { return "shape \(shape) has a negative extent" }
        var bytes = type.byteCount
        // Zero extents must not hide others that overflow.
        for extent in shape where extent > 0 {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= Self.largest else { return "shape \(shape) is absurdly large" }
            bytes = product
        }
        return nil
    }

    /// What is wrong with the name; nil if nothing is.
    var nameFault: String? {
        guard name.hasPrefix("/") else { return "a name begins with /" }
        guard name.utf8.count <= 1024 else { return "a name has at most 1024 bytes" }
        guard !name.utf8.contains(0) else { return "a name holds no NUL" }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
            return "the parts of a name are not empty, . or .."
        }
        return nil
    }
}
