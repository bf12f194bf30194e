import Files
import Synchronization

/// Byte-level byte-pair encoding as in GPT-2 (Radford et al. 2019; Sennrich et al. 2016).
///
/// Made from GPT-2's own files, from Hugging Face's `tokenizer.json`, or trained by `BPETrainer`. The same ids as tiktoken's
/// `encode_ordinary`, and as Hugging Face's `encode` without special tokens: a literal `<|endoftext|>` in the text is text
/// like any other.
///
/// `decode` gives back the bytes that `encode` was given, with two exceptions that a `tokenizer.json` may ask for: text is
/// normalised, or the vocabulary has no token for some byte, which is then left out.
///
///     let tokenizer = try ByteLevelBPE(directory: "gpt2")
///     let ids = tokenizer.encode("Hello, world")  // [15496, 11, 995]
///     let text = String(decoding: try tokenizer.decode(ids), as: UTF8.self)
public final class ByteLevelBPE: Tokenizer {
    /// 256 bytes and `<|endoftext|>`.
    public static let smallestVocabulary = 257
    /// 2^20.
    public static let largestVocabulary = 1 << 20

    /// SHA-256 of the files that define it, in lower-case hexadecimal.
    public let hash: String
    /// The files that it was made from.
    public let files: TokenizerFiles

    private let model: TokenizerModel
    /// Lent to one call at a time; a call that finds it lent starts with a new one.
    private let cache = Mutex(WordCache())

    /// From the files' contents.
    ///
    /// - Parameters:
    ///   - files: What was read.
    ///   - place: What messages put before a file's name, such as a directory and a slash.
    /// - Throws: `malformedTokenizer` and `unsupportedTokenizer`.
    public init(_ files: TokenizerFiles, place: String = "") throws(CorpusError) {
        model = try TokenizerModel(files, place: place)
        self.files = files
        hash = sha256(files.contents)
    }

    public var vocabularySize: Int { model.vocabulary.count }
    public var endOfText: Int32 { model.endOfText.id }
    /// The text of the token that ends an article, such as `<|endoftext|>`.
    public var endOfTextName: String { model.endOfText.name }
    /// The text of the token that starts one, such as `<|begin_of_text|>`; nil where there is none.
    public var startOfTextName: String? { model.startOfText?.name }
    /// Its id.
    public var startOfText: Int32? { model.startOfText?.id }

    public func encode(_ text: Span<UInt8>) -> [Int32] {
        var words = cache.withLock { shared in
            let lent = shared
            shared = WordCache()
            return lent
        }
        var ids: [Int32] = []
        ids.reserveCapacity(text.count / 3)
        if model.added.areMatched || model.normalizesToNFC {
            appendParts(of: text, words: &words, to: &ids)
        } else {
            appendPieces(of: text, words: &words, to: &ids)
        }
        cache.withLock { $0 = words }
        return ids
    }

    /// The tokens of text in which some stand literally, or that is normalised first.
    private func appendParts(of text: Span<UInt8>, words: inout WordCache, to ids: inout [Int32]) {
        for part in model.added.beforeNormalization.parts(of: text) {
            guard case .text(let range) = part else {
                ids.append(part.token)
                continue
            }
            let raw = text.extracting(range)
            if model.normalizesToNFC, let normalized = canonicallyComposed(raw) {
                appendParts(ofNormalized: normalized.span, words: &words, to: &ids)
            } else {
                appendParts(ofNormalized: raw, words: &words, to: &ids)
            }
        }
    }

    private func appendParts(ofNormalized text: Span<UInt8>, words: inout WordCache, to ids: inout [Int32]) {
        for part in model.added.afterNormalization.parts(of: text) {
            guard case .text(let range) = part else {
                ids.append(part.token)
                continue
            }
            appendPieces(of: text.extracting(range), words: &words, to: &ids)
        }
    }

    /// The tokens of ordinary text.
    private func appendPieces(of text: Span<UInt8>, words: inout WordCache, to ids: inout [Int32]) {
        var start = 0
        while start < text.count {
            let end = model.preTokenizer.endOfPiece(in: text, from: start)
            words.append(text.extracting(start..<end), merger: model.merger, to: &ids)
            start = end
        }
    }

    public func decode(_ ids: [Int32]) throws(CorpusError) -> [UInt8] {
        var text: [UInt8] = []
        for id in ids {
            guard id >= 0, Int(id) < vocabularySize else {
                throw .unknownToken(id: Int(id), vocabularySize: vocabularySize)
            }
            text += model.vocabulary.tokens[Int(id)]
        }
        return text
    }
}

extension ByteLevelBPE {
    /// From a directory with `encoder.json` and `vocab.bpe`, `tokenizer.json`, or `vocab.json` and `merges.txt`.
    ///
    /// The first of these that is there; but where a `tokenizer.json` is of a kind that is not supported and `vocab.json`
    /// and `merges.txt` stand beside it, these are taken, and text is cut as GPT-2 cuts it.
    ///
    /// - Parameter directory: Its path as the system takes it: `~` is not expanded, `..` follows links.
    /// - Throws: `file`, `malformedTokenizer` and `unsupportedTokenizer`.
    public convenience init(directory: String) throws(CorpusError) {
        let formats = TokenizerFiles.formats(in: directory), place = "\(directory)/"
        guard let format = formats.first else {
            throw CorpusError.malformedTokenizer(
                path: directory,
                problem: "no tokenizer here; it takes encoder.json and vocab.bpe, vocab.json and merges.txt, "
                    + "or tokenizer.json")
        }
        do {
            try self.init(TokenizerFiles(format, in: directory), place: place)
        } catch {
            guard case .unsupportedTokenizer = error, formats.count > 1 else { throw error }
            try self.init(TokenizerFiles(formats[1], in: directory), place: place)
        }
    }

    /// Writes the files that define the tokenizer into `directory`, byte for byte, and removes files of other formats.
    ///
    /// tiktoken and Hugging Face read these files and give the same ids.
    /// - Parameter directory: Its path as the system takes it; it is made if it is not there.
    /// - Throws: `file`.
    public func save(to directory: String) throws(CorpusError) { try files.write(to: directory) }
}
