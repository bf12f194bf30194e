import Files
import Foundation

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
