import Files
import Options

/// What can be wrong with text, tokenizers and shards. The description is one line.
public enum CorpusError: FileErrorHolder, Equatable, CustomStringConvertible {
    /// A file that could not be read or written.
    case file(FileError)
    /// A text without a single word.
    case emptyText(path: String)
    /// The first byte that is not UTF-8: `offset` from 0, `line` from 1.
    case invalidUTF8(path: String, offset: Int, line: Int)
    /// A text that has `<|endoftext|>` where none is allowed: `line`, from 1, is that of the first.
    case specialText(path: String, line: Int)
    /// A tokenizer file that cannot be used; `problem` says what is missing or wrong, and where.
    case malformedTokenizer(path: String, problem: String)
    /// A tokenizer of a kind that is not run here; `part` names what asks for it, `value` what it asks, `known` what is run.
    case unsupportedTokenizer(path: String, part: String, value: String, known: String)
    /// A vocabulary size no byte-level BPE of ids below 2^20 can have.
    case vocabularySize(asked: Int)
    /// The text repeats too few pairs for the vocabulary asked; `largest` is what it gives.
    case textTooSmallForVocabulary(path: String, asked: Int, largest: Int)
    /// A token id that the vocabulary does not have.
    case unknownToken(id: Int, vocabularySize: Int)
    /// A shard that is refused; `reason` says what does not match.
    case refusedShard(path: String, reason: String)
    /// Fewer tokens than one window of `context` inputs and their targets needs.
    case shorterThanContext(tokens: Int, context: Int)
    /// Windows of fewer than one token.
    case contextLength(Int)
    /// An order over no samples.
    case sampleCount(Int)

    public var description: String {
        switch self {
        case .file(let error):
            // Who named a text to read is told what the system said; what to do follows from that.
            error.use == .reading ? "\(error.path): cannot \(error.action): \(error.reason)" : "\(error)"
        case .emptyText(let path):
            "\(path): the text holds no word; give a file with text in it"
        case .invalidUTF8(let path, let offset, let line):
            "\(path): not UTF-8 at byte \(offset), line \(line); convert the file to UTF-8"
        case .specialText(let path, let line):
            "\(path): \(endOfTextName) at line \(line), which \(option: "special-text") refuse does not allow; "
                + "give \(option: "special-text") split to end a document at every line that is exactly it, "
                + "or encode to read it as text"
        case .malformedTokenizer(let path, let problem):
            "\(path): \(problem)"
        case .unsupportedTokenizer(let path, let part, let value, let known):
            "\(path): \(part): \(value) is not supported; choose a tokenizer with \(known)"
        case .vocabularySize(let asked):
            "a vocabulary of \(asked) entries cannot be trained; ask for "
                + "\(ByteLevelBPE.smallestVocabulary) to \(ByteLevelBPE.largestVocabulary)"
        case .textTooSmallForVocabulary(let path, let asked, let largest):
            "\(path): too little text for a vocabulary of \(asked) entries; "
                + "it gives \(largest) at most"
        case .unknownToken(let id, let vocabularySize):
            "token \(id) is outside the vocabulary of \(vocabularySize)"
        case .refusedShard(let path, let reason):
            "\(path): shard refused: \(reason)"
        case .shorterThanContext(let tokens, let context):
            "the corpus is shorter than one context: it has \(tokens) tokens, "
                + "a context of \(context) needs \(context + 1)"
        case .contextLength(let context):
            "a context of \(context) tokens has nothing to predict; ask for 1 or more"
        case .sampleCount(let count):
            "an order over \(count) samples; there must be 1 or more"
        }
    }
}
