import Checkpoint
import Corpus
import Model
import Options

/// The tokenizer's files as a checkpoint carries them.
public struct SavedTokenizer: Sendable {
    /// Under the names that they have in a checkpoint.
    public let files: TokenizerFiles
    /// SHA-256 of its files.
    public let hash: String

    /// The files of `tokenizer`.
    public init(_ tokenizer: ByteLevelBPE) {
        files = tokenizer.files.renamed(.gpt2)
        hash = tokenizer.hash
    }
}

extension CheckpointWriter {
    /// Writes a tokenizer's files and hash.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ tokenizer: SavedTokenizer) throws(CheckpointError) {
        for (path, bytes) in zip(tokenizer.files.format.checkpointPaths, tokenizer.files.contents) {
            try write(path, bytes: bytes)
        }
        try write(CheckpointLayout.tokenizerHash, text: tokenizer.hash)
    }
}

extension CheckpointReader {
    /// The tokenizer that the checkpoint carries.
    ///
    /// - Throws: `CheckpointError`, and `CorpusError` for files that are none.
    public borrowing func tokenizer() throws -> ByteLevelBPE {
        let isOneFile = description(of: CheckpointLayout.tokenizerJSON) != nil
        let format: TokenizerFiles.Format = isOneFile ? .tokenizerJSON : .gpt2
        var contents: [[UInt8]] = []
        for path in format.checkpointPaths { contents.append(try bytes(path)) }
        return try ByteLevelBPE(TokenizerFiles(format, contents), place: path + ": /tokenizer/")
    }
}

extension CheckpointReader {
    /// `tokenizer()`, whose ids the model's embedding must have rows for.
    ///
    /// - Throws: `ConfigurationError` where it has more entries than the model, and as `tokenizer()` does.
    public borrowing func tokenizer(for model: ModelConfiguration) throws -> ByteLevelBPE {
        let tokenizer = try tokenizer()
        // A model may have more: some pad their embedding.
        guard tokenizer.vocabularySize <= model.vocabularySize else {
            throw ConfigurationError(
                "\(path): its tokenizer has \(tokenizer.vocabularySize) entries, its model \(model.vocabularySize); "
                    + "use another checkpoint")
        }
        return tokenizer
    }
}

extension TokenizerFiles.Format {
    /// Where a checkpoint keeps the files. A vocabulary and its merges lie under GPT-2's names, whatever theirs were.
    fileprivate var checkpointPaths: [String] {
        switch self {
        case .gpt2, .vocabularyAndMerges: [CheckpointLayout.tokenizerEncoder, CheckpointLayout.tokenizerMerges]
        case .tokenizerJSON: [CheckpointLayout.tokenizerJSON]
        }
    }
}
