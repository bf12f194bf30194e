import Checkpoint
import Corpus

/// The tokenizer's files as a checkpoint carries them.
public struct SavedTokenizer: Sendable {
    public let encoder, merges: [UInt8]
    public let hash: String

    public init(_ tokenizer: ByteLevelBPE) {
        encoder = tokenizer.encoderFile
        merges = tokenizer.mergesFile
        hash = tokenizer.hash
    }
}

extension CheckpointWriter {
    /// Writes a tokenizer's files and hash. Throws `CheckpointError`.
    public mutating func write(_ tokenizer: SavedTokenizer) throws(CheckpointError) {
        try write(CheckpointLayout.tokenizerEncoder, bytes: tokenizer.encoder)
        try write(CheckpointLayout.tokenizerMerges, bytes: tokenizer.merges)
        try write(CheckpointLayout.tokenizerHash, text: tokenizer.hash)
    }
}

extension CheckpointReader {
    /// The tokenizer that the checkpoint carries. Throws `CheckpointError`, and `CorpusError` for files that are none.
    public borrowing func tokenizer() throws -> ByteLevelBPE {
        try ByteLevelBPE(
            encoderFile: bytes(CheckpointLayout.tokenizerEncoder), mergesFile: bytes(CheckpointLayout.tokenizerMerges),
            encoderName: path + ": " + CheckpointLayout.tokenizerEncoder,
            mergesName: path + ": " + CheckpointLayout.tokenizerMerges)
    }
}
