import Files
import Foundation

/// What a shard was made from: the JSON beside it.
public struct ShardSidecar: Codable, Equatable, Sendable {
    /// SHA-256 of the tokenizer's files.
    public var tokenizerHash: String
    /// SHA-256 of the source text.
    public var sourceHash: String
    /// Tokens in the shard, one that ends each article among them.
    public var tokens: Int
    /// Words of the source text's articles, the unit of word perplexity.
    public var words: Int
    /// Bytes of the source text's articles, the unit of bits per byte.
    public var bytes: Int
    /// Articles of the source text.
    public var articles: Int
    /// Lines of the source text that were taken as ends of documents, and count as neither words nor bytes.
    public var separators: Int
    /// What `<|endoftext|>` meant in the source text; `encode` for a shard that does not say, as all did once.
    public var specialText: SpecialText
    /// Entries of the tokenizer's vocabulary; every token is below.
    public var vocabularySize: Int
    /// Bytes of each token: 2 in a shard that does not say, which is what all of vocabularies up to 65,536 entries have.
    public var tokenBytes: Int { wideTokenBytes ?? 2 }
    /// Named where it is not 2.
    private var wideTokenBytes: Int?

    enum CodingKeys: String, CodingKey {
        case tokenizerHash = "tokenizer_sha256"
        case sourceHash = "source_sha256"
        case tokens, words, bytes, articles, separators
        case specialText = "special_text"
        case vocabularySize = "vocabulary_size"
        case wideTokenBytes = "token_bytes"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        tokenizerHash = try values.decode(String.self, forKey: .tokenizerHash)
        sourceHash = try values.decode(String.self, forKey: .sourceHash)
        tokens = try values.decode(Int.self, forKey: .tokens)
        words = try values.decode(Int.self, forKey: .words)
        bytes = try values.decode(Int.self, forKey: .bytes)
        articles = try values.decode(Int.self, forKey: .articles)
        separators = try values.decodeIfPresent(Int.self, forKey: .separators) ?? 0
        specialText = try values.decodeIfPresent(SpecialText.self, forKey: .specialText) ?? .encode
        vocabularySize = try values.decode(Int.self, forKey: .vocabularySize)
        wideTokenBytes = try values.decodeIfPresent(Int.self, forKey: .wideTokenBytes)
    }

    /// Whether the shard has the tokens that its source text gives under `specialText`.
    ///
    /// It has if it was made that way, and in any case if the text has no `<|endoftext|>`.
    /// - Parameters:
    ///   - specialText: What `<|endoftext|>` is to mean.
    ///   - source: The bytes of the source text, whose SHA-256 is `sourceHash`.
    /// - Returns: False where the shard must be made anew.
    public func isMade(with specialText: SpecialText, from source: [UInt8]) -> Bool {
        self.specialText == specialText || findEndOfText(in: source.span) == nil
    }

    /// The sidecar of a shard: its name and `.json`.
    public static func path(ofShard path: String) -> String { path + ".json" }

    /// - Throws: `file` and `refusedShard`.
    init(ofShard path: String) throws(CorpusError) {
        let sidecarPath = Self.path(ofShard: path)
        guard fileExists(sidecarPath) else {
            throw .refusedShard(path: path, reason: "its sidecar \(sidecarPath) is missing")
        }
        let content = try CorpusError.naming { () throws(FileError) in try readFile(sidecarPath) }
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
        separators = text.separators
        specialText = text.specialText
        vocabularySize = tokenizer.vocabularySize
        let width = TokenWidth(vocabularySize: vocabularySize)
        wideTokenBytes = width == .two ? nil : width.bytes
    }

    func write(forShard path: String) throws(CorpusError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let content: Data
        do {
            content = try encoder.encode(self)
        } catch {
            throw .file(FileError("describe", path, reason: error.localizedDescription, for: .writing))
        }
        try CorpusError.naming { () throws(FileError) in
            try ReplacementFile.write(Array(content) + [UInt8(ascii: "\n")], to: Self.path(ofShard: path))
        }
    }
}
