import Checkpoint
import Transformer
import Worker

extension RunConfiguration {
    /// The checkpoint to go on from, by `--resume`; nil to start at step 0. For rank 0.
    ///
    /// Says which files it passes over and why. Throws `ConfigurationError` when there are checkpoints and none is good,
    /// and `CheckpointError`.
    func checkpointToResume(in directory: RunDirectory, say: (String) -> Void) throws -> String? {
        switch resume {
        case .none: return nil
        case .path(let path): return path
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
