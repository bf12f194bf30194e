import Checkpoint
import Corpus
import Transformer
import Worker

/// What a run goes on from: a checkpoint that is open and verified. On rank 0; the others have none.
struct ResumePoint: ~Copyable {
    /// The checkpoint's; empty to start at step 0.
    let path: String
    /// Nil to start at step 0.
    let reader: CheckpointReader?
    /// The checkpoint's tokenizer.
    let tokenizer: ByteLevelBPE?
    /// Whether the checkpoint lies in the run's own directory.
    let isOfThisRun: Bool

    /// What a rank that is not the root has, and a run that starts anew.
    static var none: ResumePoint { ResumePoint(path: "", reader: nil, tokenizer: nil, isOfThisRun: true) }

    private init(path: String, reader: consuming CheckpointReader?, tokenizer: ByteLevelBPE?, isOfThisRun: Bool) {
        self.path = path
        self.reader = reader
        self.tokenizer = tokenizer
        self.isOfThisRun = isOfThisRun
    }

    /// The checkpoint that `--resume` names.
    ///
    /// Says which files it passes over and why.
    ///
    /// - Throws: `ConfigurationError` when there are checkpoints and none is good, or the one named is of another
    ///   model, and `CheckpointError` when it cannot be read.
    init(_ run: RunConfiguration, in directory: RunDirectory, say: (String) -> Void) throws {
        guard let path = try Self.path(run, directory, say) else {
            self = .none
            return
        }
        let reader = try CheckpointReader(path: path)
        let tokenizer = try reader.tokenizer()
        if run.tokenizer == nil {
            // Known before any text is read; a given tokenizer is compared when it is.
            try reader.json(CheckpointLayout.config, as: SavedRun.self)
                .requireSameModel(run.model(vocabularySize: run.vocabularySize), path: path)
        }
        self.init(
            path: path, reader: reader, tokenizer: tokenizer,
            isOfThisRun: SystemFile.areSame(SystemFile.directory(of: path), directory.path))
    }

    private static func path(
        _ run: RunConfiguration, _ directory: RunDirectory, _ say: (String) -> Void
    ) throws -> String? {
        switch run.resume {
        case .none: return nil
        case .path(let path):
            guard fileExists(path) else {
                throw ConfigurationError("--resume \(path): no such file; choose auto, none or the path of a checkpoint")
            }
            return path
        case .auto:
            let newest = try CheckpointDirectory(directory.path).newestVerified()
            for skipped in newest.skipped { say("resume     skipped \(skipped.path): \(skipped.reason)") }
            if newest.checkpoint == nil, let first = newest.skipped.first {
                throw ConfigurationError(
                    "--resume auto: none of \(newest.skipped.count) checkpoints in \(directory.path) is good "
                        + "(the newest: \(first.reason)); use --resume none to start over")
            }
            return newest.checkpoint?.path
        }
    }
}
