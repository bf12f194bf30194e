import Corpus
import Foundation
import Kernels

/// Stands in for a tokenizer where the text does not matter: one random id for each byte.
public struct RandomTokens: Tokenizer {
    public let vocabularySize: Int
    public let endOfText: Int32 = 0
    public let hash = "none, uniform random ids"

    public init(vocabularySize: Int) { self.vocabularySize = vocabularySize }

    public func encode(_ text: Span<UInt8>) -> [Int32] {
        let generator = Philox(key: 1)
        return (0..<text.count).map { Int32(generator.block(UInt32($0)).x % UInt32(vocabularySize)) }
    }

    public func decode(_ tokens: [Int32]) throws(CorpusError) -> [UInt8] {
        throw .unknownToken(id: Int(tokens.first ?? 0), vocabularySize: vocabularySize)
    }

    /// A shard of `count` ids, by way of a temporary file: the same on every rank.
    ///
    /// - Throws: `CorpusError`, and what Foundation throws where there is no room.
    public func shard(count: Int) throws -> Shard {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // Tokens stay mapped after their file has lost its name.
        defer { try? files.removeItem(atPath: directory) }
        let text = try Text(bytes: Array(repeating: UInt8(ascii: "x"), count: count), name: hash, kind: .plain)
        return try Shard.build(directory + "/random.bin", text: text, tokenizer: self)
    }
}
