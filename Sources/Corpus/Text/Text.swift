import Files

/// A corpus as it was published: checked UTF-8, its documents and articles found and its words counted.
public struct Text: Sendable {
    /// How articles and words are told.
    public enum Kind: String, Sendable {
        /// WikiText `.tokens`: articles by heading; words are counted as its authors do.
        case wikiTextTokens
        /// WikiText `.raw`: articles by heading.
        case wikiTextRaw
        /// Anything else: every document is one article.
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
    /// How articles and words were told.
    public let kind: Kind
    /// The whole file, UTF-8, with any separators.
    public let bytes: [UInt8]
    /// What `<|endoftext|>` means in it.
    public let specialText: SpecialText
    /// Lines that were taken as ends of documents: 0 unless `specialText` is `split`.
    public let separators: Int
    /// Byte ranges of the articles, in order. Together they are the whole text but for separators and documents
    /// of nothing but white space between them.
    public let articles: [Range<Int>]
    /// Words of all articles, the unit of word perplexity; see `WordCount`. Separators are not part of the text.
    public let wordCount: Int
    /// Bytes of all articles, the unit of bits per byte. Separators are not part of the text.
    public let byteCount: Int
    /// SHA-256 of `bytes`, in hexadecimal.
    public let hash: String

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - path: Where it is.
    ///   - kind: How articles and words are told; by the file's name unless given.
    ///   - specialText: What `<|endoftext|>` means in it.
    /// - Throws: `file`, `emptyText`, `invalidUTF8` and `specialText`.
    public init(
        contentsOf path: String, kind: Kind? = nil, specialText: SpecialText = .split
    ) throws(CorpusError) {
        try self.init(
            bytes: CorpusError.naming { () throws(FileError) in try readFile(path) }, name: path, kind: kind ?? Kind(fileName: path), specialText: specialText)
    }

    /// Takes text from memory.
    ///
    /// - Parameters:
    ///   - bytes: All of it, UTF-8.
    ///   - name: What messages call it.
    ///   - kind: How articles and words are told.
    ///   - specialText: What `<|endoftext|>` means in it.
    /// - Throws: `emptyText`, `invalidUTF8` and `specialText`.
    public init(
        bytes: [UInt8], name: String, kind: Kind, specialText: SpecialText = .split
    ) throws(CorpusError) {
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            let offset = error.byteOffsets.lowerBound
            throw CorpusError.invalidUTF8(path: name, offset: offset, line: Self.line(of: offset, in: bytes))
        }
        if specialText == .refuse, let offset = findEndOfText(in: bytes.span) {
            throw CorpusError.specialText(path: name, line: Self.line(of: offset, in: bytes))
        }
        let documents =
            specialText == .split ? Documents(of: bytes.span) : Documents(whole: bytes.span)
        var articles: [Range<Int>] = []
        var (wordCount, byteCount) = (0, 0)
        for document in documents.ranges {
            let content = bytes.span.extracting(document)
            let count = WordCount(content)
            guard count.words > 0 else { continue }
            wordCount += count.inUnits(of: kind)
            byteCount += document.count
            guard kind != .plain else {
                articles.append(document)
                continue
            }
            for article in findArticles(content) {
                articles.append(
                    document.lowerBound + article.lowerBound..<document.lowerBound + article.upperBound)
            }
        }
        guard !articles.isEmpty else { throw CorpusError.emptyText(path: name) }
        self.bytes = bytes
        self.name = name
        self.kind = kind
        self.specialText = specialText
        separators = documents.separators
        self.articles = articles
        self.wordCount = wordCount
        self.byteCount = byteCount
        hash = sha256(bytes)
    }

    /// The line that has byte `offset`, from 1.
    private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
    }
}

extension Text {
    /// Words of a piece of text of that kind, as `wordCount` counts those of a whole one; bytes that are not UTF-8 at a cut
    /// count as a character of a word.
    public static func words(in bytes: [UInt8], of kind: Kind) -> Int {
        WordCount(Array(String(decoding: bytes, as: UTF8.self).utf8).span).inUnits(of: kind)
    }
}

/// Words and lines of a text, and the one convention by which words are counted.
///
/// Words are what white space (Unicode White_Space) separates. In WikiText `.tokens` the end of each line
/// counts as one word more, as its authors count (Merity et al. 2016): 217,646 in the validation text,
/// 245,569 in the test text.
struct WordCount {
    private(set) var words = 0
    private(set) var lines = 0

    init(_ text: Span<UInt8>) {
        let classes = CharacterClass.table
        var inWord = false
        var position = 0
        while position < text.count {
            if text[position] == UInt8(ascii: "\n") { lines += 1 }
            let character = text.character(at: position, classes: classes)
            let isSpace = character.kind == .space
            if !isSpace && !inWord { words += 1 }
            inWord = !isSpace
            position += character.length
        }
    }

    func inUnits(of kind: Text.Kind) -> Int {
        kind == .wikiTextTokens ? words + lines : words
    }
}

/// What `<|endoftext|>` means where it stands in a text file.
///
/// Data sets write it between their documents; in a text about language models it is a word like any other.
/// Whatever it means, every article of a shard is followed by exactly one end-of-text token.
public enum SpecialText: String, CaseIterable, Codable, Sendable {
    /// Ordinary text wherever it stands: it becomes the tokens of its characters.
    case encode
    /// A line that is exactly it ends a document and belongs to none; elsewhere in a line it is ordinary text.
    case split
    /// A text that has it anywhere is refused.
    case refuse
}
