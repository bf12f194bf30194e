import Files

/// Text to train on where no corpus is given: generated articles in WikiText's shape.
///
/// Every article introduces people, places, dates and things in its first paragraphs and names them again,
/// word for word, in its sections, up to two thousand words later; names are made up per article, so that
/// only attention to what was read can tell them. More than two hundred sentence patterns and word lists make the rest.
/// The same seed and size give the same bytes on every machine.
public struct EmbeddedCorpus: Sendable {
    /// Different seeds give different articles.
    public let seed: UInt64
    /// The least size in bytes; the text ends with the article that reaches it.
    public let byteCount: Int

    public init(seed: UInt64, byteCount: Int) {
        self.seed = seed
        self.byteCount = byteCount
    }

    /// What training reads by default: about 1.5 MB.
    public static let training = EmbeddedCorpus(seed: 1, byteCount: 1_500_000)
    /// What validation reads by default: about 150 KB, of other articles.
    public static let validation = EmbeddedCorpus(seed: 2, byteCount: 150_000)

    /// The text, at least one article of it, spaced and marked as WikiText's `.tokens` are.
    public func bytes() -> [UInt8] {
        var random = SplitMix64(seed: seed)
        var text: [UInt8] = []
        text.reserveCapacity(byteCount + 20_000)
        repeat {
            var article = ArticleGenerator(random: SplitMix64(seed: random.next()))
            text += article.generate().utf8
        } while text.count < byteCount
        return text
    }

    /// Writes the text to `path`, whose name should end in `.tokens` to be read as WikiText.
    ///
    /// - Throws: `file`.
    public func write(to path: String) throws(CorpusError) {
        try CorpusError.naming { () throws(FileError) in try ReplacementFile.write(bytes(), to: path) }
    }
}
