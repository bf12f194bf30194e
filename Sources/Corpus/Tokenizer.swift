/// Text to token ids and back. Ids are below `ByteLevelBPE.largestVocabulary`, 2^20.
public protocol Tokenizer: Sendable {
    /// Number of ids; they are `0 ..< vocabularySize`.
    var vocabularySize: Int { get }
    /// The id of the token that ends every article, `<|endoftext|>` in GPT-2; it is never made from text.
    var endOfText: Int32 { get }
    /// SHA-256 of the defining files' content, in hexadecimal.
    var hash: String { get }
    /// The ids of `text`. Any bytes will do.
    func encode(_ text: Span<UInt8>) -> [Int32]
    /// The bytes that `tokens` stand for.
    ///
    /// - Throws: `unknownToken`.
    func decode(_ tokens: [Int32]) throws(CorpusError) -> [UInt8]
}

extension Tokenizer {
    /// The ids of `bytes`.
    public func encode(_ bytes: [UInt8]) -> [Int32] { encode(bytes.span) }

    /// The ids of a string's UTF-8.
    public func encode(_ text: String) -> [Int32] { encode(Array(text.utf8)) }
}
