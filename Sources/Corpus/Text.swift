/// A corpus as it was published: checked UTF-8, its articles found and its words counted.
public struct Text: Sendable {
    /// How articles and words are told.
    public enum Kind: String, Sendable {
        /// WikiText `.tokens`: articles by heading; words are counted as its authors do.
        case wikiTextTokens
        /// WikiText `.raw`: articles by heading.
        case wikiTextRaw
        /// Anything else: one article.
        case plain

        /// By the end of the file's name.
        public init(fileName: String) {
            self =
                fileName.hasSuffix(".tokens")
                ? .wikiTextTokens : fileName.hasSuffix(".raw") ? .wikiTextRaw : .plain
        }
    }

    /// Where the text comes from, for messages.
    public let name: String
    public let kind: Kind
    /// The whole text, UTF-8.
    public let bytes: [UInt8]
    /// Byte ranges of the articles, in order; together they are the whole text.
    public let articles: [Range<Int>]
    /// Words of the original text, the unit of word perplexity; see `WordCount`.
    public let wordCount: Int
    /// Size in bytes, the unit of bits per byte.
    public var byteCount: Int { bytes.count }
    /// SHA-256 of the bytes, in hexadecimal.
    public let hash: String

    /// Reads a file, its kind told by its name unless given.
    ///
    /// Throws `file`, `emptyText` and `invalidUTF8`.
    public init(contentsOf path: String, kind: Kind? = nil) throws(CorpusError) {
        try self.init(
            bytes: readFile(path), name: path, kind: kind ?? Kind(fileName: path))
    }

    /// Takes text from memory. Throws `emptyText` and `invalidUTF8`.
    public init(bytes: [UInt8], name: String, kind: Kind) throws(CorpusError) {
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            let offset = error.byteOffsets.lowerBound
            let line = 1 + bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
            throw CorpusError.invalidUTF8(path: name, offset: offset, line: line)
        }
        let count = WordCount(bytes.span)
        guard count.words > 0 else { throw CorpusError.emptyText(path: name) }
        self.bytes = bytes
        self.name = name
        self.kind = kind
        wordCount = count.inUnits(of: kind)
        articles = kind == .plain ? [0..<bytes.count] : findArticles(bytes.span)
        hash = sha256(bytes)
    }
}
