/// Text to token ids and back. Ids fit 16 bits.
public protocol Tokenizer: Sendable {
    /// Number of ids; they are `0 ..< vocabularySize`.
    var vocabularySize: Int { get }
    /// The id of `<|endoftext|>`, which ends every article and is never made from text.
    var endOfText: UInt16 { get }
    /// SHA-256 of the defining files' content, in hexadecimal.
    var hash: String { get }
    /// The ids of `text`. Any bytes will do; `decode` gives back the same.
    func encode(_ text: Span<UInt8>) -> [UInt16]
    /// The bytes that `tokens` stand for. Throws `unknownToken`.
    func decode(_ tokens: [UInt16]) throws(CorpusError) -> [UInt8]
}

extension Tokenizer {
    /// The ids of `bytes`.
    public func encode(_ bytes: [UInt8]) -> [UInt16] { encode(bytes.span) }

    /// The ids of a string's UTF-8.
    public func encode(_ text: String) -> [UInt16] { encode(Array(text.utf8)) }
}
