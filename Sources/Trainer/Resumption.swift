import Checkpoint
import Communicator
import Corpus
import Files
import Model
import Options
import Runs
import Worker

/// What a run goes on from: a checkpoint that all ranks have opened; the same on every rank.
struct ResumePoint: ~Copyable {
    /// Nil to start at step 0.
    let checkpoint: OpenCheckpoint?
    /// On rank 0, the checkpoint's.
    let tokenizer: ByteLevelBPE?
    /// What levels lose in its model, where it says so.
    let calibration: CalibrationRecord?
    /// Whether it lies in the run's own directory.
    let isOfThisRun: Bool

    /// Collective: opens the checkpoint that `--resume` names. Rank 0 finds it, and says which files it passes over and why.
    ///
    /// - Throws: `AgreedError` when there are checkpoints and none is good, or the one named is of another model or cannot be
    ///   read; `MPIError`.
    init(
        _ run: RunConfiguration, in directory: RunDirectory, world: borrowing Communicator, say: (String) -> Void
    ) throws {
        let path = try world.shared(agreed(on: world) { world.rank == 0 ? try Self.path(run, directory, say) ?? "" : "" })
        guard !path.isEmpty else {
            checkpoint = nil
            tokenizer = nil
            calibration = nil
            isOfThisRun = true
            return
        }
        let opened = try OpenCheckpoint(path: path, world: world)
        try agreed(on: world) {
            // Known before any text is read; a given tokenizer is compared when it is.
            guard run.tokenizer == nil else { return }
            try opened.run.requireSameModel(run.model(vocabularySize: run.vocabularySize), path: path)
        }
        let found = try CalibrationRecord(of: opened, on: world)
        tokenizer = opened.tokenizer
        calibration = found
        checkpoint = consume opened
        isOfThisRun = SystemFile.areSame(SystemFile.directory(of: path), directory.path)
    }

    private static func path(
        _ run: RunConfiguration, _ directory: RunDirectory, _ say: (String) -> Void
    ) throws -> String? {
        switch run.resume {
        case .none: return nil
        case .path(let path):
            guard fileExists(path) else {
                throw UnusableFileError("--resume \(path): no such file; choose auto, none or the path of a checkpoint")
            }
            return path
        case .auto:
            let newest = try CheckpointDirectory(directory.path).newestVerified()
            for skipped in newest.skipped { say("resume     skipped \(skipped.path): \(skipped.reason)") }
            if newest.checkpoint == nil, let first = newest.skipped.first {
                throw UnusableFileError(
                    "--resume auto: none of \(newest.skipped.count) checkpoints in \(directory.path) is good "
                        + "(the newest: \(first.reason)); use --resume none to start over")
            }
            return newest.checkpoint?.path
        }
    }
}
