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

/// Which of a tokenizer's special tokens ends a text and which starts one: the file does not say.
struct SpecialTokens {
    /// Names of the token that ends a text, the first that there is: what separates documents in training comes before what
    /// ends a turn of a dialogue.
    private static let ends = [
        endOfTextName, "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>", "<eos>", "<|eos|>", "[EOS]", "<|im_end|>",
        "<|eot_id|>",
    ]
    private static let starts = [
        "<|begin_of_text|>", "<|startoftext|>", "<｜begin▁of▁sentence｜>", "<s>", "<bos>", "<|bos|>", "[BOS]",
    ]

    private let special: [AddedToken]
    private let vocabulary: Vocabulary

    init(_ added: [AddedToken], _ vocabulary: Vocabulary) {
        special = added.filter(\.isSpecial)
        self.vocabulary = vocabulary
    }

    /// The first name of a token that ends a text among the special tokens, or else in the vocabulary; or else the only
    /// special token.
    ///
    /// - Throws: `malformedTokenizer` where none of these is there.
    func endOfText(name: String) throws(CorpusError) -> (name: String, id: Int32) {
        if let found = Self.ends.lazy.compactMap(token).first { return found }
        if special.count == 1 { return (special[0].content, Int32(special[0].id)) }
        throw .malformedTokenizer(
            path: name,
            problem: "no special token ends a text; it takes one of \(Self.ends.joined(separator: ", ")), or the only one")
    }

    /// The token that starts a text; nil where there is none.
    var startOfText: (name: String, id: Int32)? { Self.starts.lazy.compactMap(token).first }

    private func token(_ name: String) -> (name: String, id: Int32)? {
        if let token = special.first(where: { $0.content == name }) { return (name, Int32(token.id)) }
        return vocabulary.id(of: name).map { (name, $0) }
    }
}
