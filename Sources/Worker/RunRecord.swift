import Checkpoint

/// What a checkpoint says of a run beside its arrays. Rank 0 writes and reads it.
public struct RunRecord: Codable, Sendable {
    /// Model and training.
    public let run: SavedRun
    /// The text that it reads.
    public let corpus: SavedCorpus
    /// Index of the next sample in the run's global order.
    public let cursor: Int64
    /// Key of the counter-based generator.
    public let seed: UInt64
    /// Of the tokenizer whose files stand beside it.
    public let tokenizerHash: String

    /// What a checkpoint says of a run beside its arrays.
    public init(run: SavedRun, corpus: SavedCorpus, cursor: Int64, seed: UInt64, tokenizerHash: String) {
        self.run = run
        self.corpus = corpus
        self.cursor = cursor
        self.seed = seed
        self.tokenizerHash = tokenizerHash
    }
}

extension CheckpointWriter {
    /// Writes a run's record with the files of its tokenizer.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ record: RunRecord, _ tokenizer: SavedTokenizer) throws(CheckpointError) {
        try write(CheckpointLayout.config, json: record.run)
        try write(CheckpointLayout.dataCursor, scalar: record.cursor)
        try write(CheckpointLayout.dataSource, json: record.corpus)
        try write(CheckpointLayout.randomKey, scalar: record.seed)
        try write(tokenizer)
    }
}

extension CheckpointReader {
    /// The record of the run that `run`, its `/config`, tells of.
    ///
    /// - Throws: `CheckpointError`.
    borrowing func record(of run: SavedRun) throws(CheckpointError) -> RunRecord {
        RunRecord(
            run: run, corpus: try json(CheckpointLayout.dataSource), cursor: try scalar(CheckpointLayout.dataCursor),
            seed: try scalar(CheckpointLayout.randomKey), tokenizerHash: try text(CheckpointLayout.tokenizerHash))
    }
}
