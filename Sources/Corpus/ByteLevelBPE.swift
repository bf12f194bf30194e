import Synchronization

/// Byte-level byte-pair encoding as in GPT-2 (Radford et al. 2019; Sennrich et al. 2016).
///
/// Made from GPT-2's own files or trained by `BPETrainer`. The same ids as tiktoken's `encode_ordinary`:
/// a literal `<|endoftext|>` in the text is text like any other.
public final class ByteLevelBPE: Tokenizer {
    /// 256 bytes and `<|endoftext|>`.
    public static let smallestVocabulary = 257
    /// What 16-bit ids can number.
    public static let largestVocabulary = 65_536

    public let vocabularySize: Int
    public let endOfText: UInt16
    public let hash: String
    /// The content of `encoder.json`: the id of every token.
    public let encoderFile: [UInt8]
    /// The content of `vocab.bpe`: the merges in order of rank.
    public let mergesFile: [UInt8]

    private let tokens: TokenBytes
    private let preTokenizer = PreTokenizer()
    private let merger: WordMerger
    /// Lent to one call at a time; a call that finds it lent starts with a new one.
    private let cache = Mutex(WordCache())

    /// From the contents of the two files; the names are for messages. Throws `malformedTokenizer`.
    public init(
        encoderFile: [UInt8], mergesFile: [UInt8],
        encoderName: String = "encoder.json", mergesName: String = "vocab.bpe"
    ) throws(CorpusError) {
        let vocabulary = try VocabularyFile(encoderFile, name: encoderName)
        let merges = try readMerges(mergesFile, name: mergesName, vocabulary: vocabulary)
        self.encoderFile = encoderFile
        self.mergesFile = mergesFile
        vocabularySize = vocabulary.count
        endOfText = vocabulary.endOfText
        hash = sha256(encoderFile, mergesFile)
        tokens = vocabulary.tokens
        merger = WordMerger(byteTokens: vocabulary.byteTokens, merges: merges)
    }

    public func encode(_ text: Span<UInt8>) -> [UInt16] {
        var words = cache.withLock { shared in
            let lent = shared
            shared = WordCache()
            return lent
        }
        var ids: [UInt16] = []
        ids.reserveCapacity(text.count / 3)
        var start = 0
        while start < text.count {
            let end = preTokenizer.endOfPiece(in: text, from: start)
            words.append(text.extracting(start..<end), merger: merger, to: &ids)
            start = end
        }
        cache.withLock { $0 = words }
        return ids
    }

    public func decode(_ ids: [UInt16]) throws(CorpusError) -> [UInt8] {
        var text: [UInt8] = []
        for id in ids {
            guard Int(id) < vocabularySize else {
                throw .unknownToken(id: Int(id), vocabularySize: vocabularySize)
            }
            text += tokens[Int(id)]
        }
        return text
    }
}

/// The bytes of every token.
struct TokenBytes: Sendable {
    private var storage: [UInt8] = []
    private var ends: [Int] = []

    mutating func append(_ bytes: [UInt8]) {
        storage += bytes
        ends.append(storage.count)
    }

    subscript(id: Int) -> ArraySlice<UInt8> { storage[(id == 0 ? 0 : ends[id - 1])..<ends[id]] }
}
