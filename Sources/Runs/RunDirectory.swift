import Checkpoint
import Files
import Options

/// The directory of one run: who writes what where. Used by rank 0; the others only read paths from it.
///
/// Holds `checkpoint-*.h5`, `metrics.jsonl`, `run.yaml`, `tokenizer/`, `data/`, and `previous-N/` with what a run that
/// was started over left.
public struct RunDirectory: Sendable {
    /// As it was given.
    public let path: String

    /// - Parameter path: which need not be there yet.
    public init(_ path: String) { self.path = path }

    /// `metrics.jsonl`: a `MetricsLine` for each step.
    public var metrics: String { path + "/metrics.jsonl" }
    /// The directory of the tokenizer's files.
    public var tokenizer: String { path + "/tokenizer" }
    /// The directory of token shards and generated texts.
    public var data: String { path + "/data" }
    /// `run.yaml`: the options that make the run again, a `RunFile`.
    public var configuration: String { path + "/" + Self.configurationName }
    /// What that file is called wherever it lies.
    public static let configurationName = "run.yaml"

    /// Makes the directories that are missing.
    ///
    /// - Throws: `UnusableFileError` where it cannot be written to.
    public func create() throws(UnusableFileError) {
        do {
            for directory in [path, data] { try makeDirectory(directory) }
            var probe = try OpenFile.creating(path + "/.writable")
            try probe.close()
            try removeFile(probe.path)
        } catch {
            throw UnusableFileError("\(option: "run-dir") \(path): cannot be written to (\(error.reason)); name another")
        }
    }

    /// Writes a small file whole, in place of what has its name.
    ///
    /// - Throws: `FileError`.
    public func write(_ text: String, to file: String) throws(FileError) {
        try ReplacementFile.write(Array(text.utf8), to: file)
    }

    /// Moves to a new `previous-N` what a run leaves that goes on from an earlier point: checkpoints after `step`, and a copy
    /// of the metrics. Where the run goes on from a checkpoint of another, all that is here goes there.
    ///
    /// - Parameters:
    ///   - step: the last that the run goes on from.
    ///   - isOfAnotherRun: whether it goes on from a checkpoint of another directory.
    /// - Returns: the directory if anything was moved.
    /// - Throws: `UnusableFileError` where it cannot be filled, `CheckpointError` where checkpoints cannot be listed.
    @discardableResult
    public func setAside(after step: Int, isOfAnotherRun: Bool = false) throws -> String? {
        let later = try CheckpointDirectory(path).checkpoints().filter { isOfAnotherRun || $0.step > step }
        let hasMetrics = fileExists(metrics)
        if later.isEmpty && !(hasMetrics && (step == 0 || isOfAnotherRun)) { return nil }
        var number = 1
        while fileExists(path + "/previous-\(number)") { number += 1 }
        let aside = path + "/previous-\(number)"
        do {
            try makeDirectory(aside)
            if hasMetrics {
                if isOfAnotherRun {
                    try SystemFile.move(metrics, to: aside + "/metrics.jsonl")
                } else {
                    try ReplacementFile.write(try SystemFile.contents(of: metrics), to: aside + "/metrics.jsonl")
                }
            }
            for checkpoint in later {
                try SystemFile.move(checkpoint.path, to: aside + "/" + SystemFile.name(of: checkpoint.path))
            }
        } catch {
            throw UnusableFileError("\(aside): cannot be filled (\(error))")
        }
        return aside
    }
}
