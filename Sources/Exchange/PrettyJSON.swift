import Foundation

/// A value as the text of a JSON file that people read: indented, keys sorted, a line's end at the end.
///
/// - Throws: what the encoder throws.
public func prettyJSON(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
}
