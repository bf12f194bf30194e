import Foundation

/// What a shard was made from: the JSON beside it.
public struct ShardSidecar: Codable, Equatable, Sendable {
    /// SHA-256 of the tokenizer's files.
    public var tokenizerHash: String
    /// SHA-256 of the source text.
    public var sourceHash: String
    /// Tokens in the shard, one `<|endoftext|>` per article among them.
    public var tokens: Int
    /// Words of the source text, the unit of word perplexity.
    public var words: Int
    /// Bytes of the source text, the unit of bits per byte.
    public var bytes: Int
    /// Articles of the source text.
    public var articles: Int
    /// Entries of the tokenizer's vocabulary; every token is below.
    public var vocabularySize: Int

    enum CodingKeys: String, CodingKey {
        case tokenizerHash = "tokenizer_sha256"
        case sourceHash = "source_sha256"
        case tokens, words, bytes, articles
        case vocabularySize = "vocabulary_size"
    }

    /// The sidecar of a shard: its name and `.json`.
    static func path(ofShard path: String) -> String { path + ".json" }

    /// Throws `file` and `refusedShard`.
    init(ofShard path: String) throws(CorpusError) {
        let sidecarPath = Self.path(ofShard: path)
        guard fileExists(sidecarPath) else {
            throw .refusedShard(path: path, reason: "its sidecar \(sidecarPath) is missing")
        }
        let content = try readFile(sidecarPath)
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(content))
        } catch {
            throw .refusedShard(path: path, reason: "its sidecar \(sidecarPath) cannot be understood")
        }
    }

    init(text: Text, tokenizer: any Tokenizer, tokens: Int) {
        tokenizerHash = tokenizer.hash
        sourceHash = text.hash
        self.tokens = tokens
        words = text.wordCount
        bytes = text.byteCount
        articles = text.articles.count
        vocabularySize = tokenizer.vocabularySize
    }

    func write(forShard path: String) throws(CorpusError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let content: Data
        do {
            content = try encoder.encode(self)
        } catch {
            throw .file(path: path, action: "describe", reason: error.localizedDescription)
        }
        try ReplacementFile.write(Array(content) + [UInt8(ascii: "\n")], to: Self.path(ofShard: path))
    }
}
