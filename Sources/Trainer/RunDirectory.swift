import Checkpoint
import Foundation
import Transformer

/// The directory of one run: who writes what where. Used by rank 0; the others only read paths from it.
///
/// Holds `checkpoint-*.h5`, `metrics.jsonl`, `run.yaml`, `tokenizer/`, `data/`, and `previous-N/` with what a run that
/// was started over left.
public struct RunDirectory: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    public var metrics: String { path + "/metrics.jsonl" }
    public var tokenizer: String { path + "/tokenizer" }
    public var data: String { path + "/data" }
    public var configuration: String { path + "/run.yaml" }

    /// Makes the directories that are missing. Throws `ConfigurationError` where it cannot be written to.
    public func create() throws(ConfigurationError) {
        do {
            for directory in [path, data] { try Self.makeDirectory(directory) }
            let probe = path + "/.writable"
            try Data().write(to: URL(fileURLWithPath: probe))
            try FileManager.default.removeItem(atPath: probe)
        } catch {
            throw ConfigurationError("--run-dir \(path): cannot be written to (\(Self.reason(error))); name another")
        }
    }

    /// Makes a directory and those above it. Throws `POSIXError`, whose cause Foundation's own way would lose.
    private static func makeDirectory(_ path: String) throws {
        if mkdir(path, 0o777) == 0 || errno == EEXIST { return }
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        if errno == ENOENT, parent != path {
            try makeDirectory(parent)
            if mkdir(path, 0o777) == 0 { return }
        }
        throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }

    /// Writes a small file whole. Throws `ConfigurationError`.
    public func write(_ text: String, to file: String) throws(ConfigurationError) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            throw ConfigurationError("\(file): cannot be written (\(Self.reason(error)))")
        }
    }

    /// Moves checkpoints after `step`, and a copy of the metrics, to a new `previous-N`: what a run leaves that goes on
    /// from an earlier point. Returns the directory if anything was moved. Throws `ConfigurationError`.
    @discardableResult
    public func setAside(after step: Int) throws -> String? {
        let later = try CheckpointDirectory(path).checkpoints().filter { $0.step > step }
        let files = FileManager.default
        let startsOver = step == 0 && files.fileExists(atPath: metrics)
        if later.isEmpty && !startsOver { return nil }
        var number = 1
        while files.fileExists(atPath: path + "/previous-\(number)") { number += 1 }
        let aside = path + "/previous-\(number)"
        do {
            try files.createDirectory(atPath: aside, withIntermediateDirectories: false)
            if files.fileExists(atPath: metrics) {
                try files.copyItem(atPath: metrics, toPath: aside + "/metrics.jsonl")
            }
            for checkpoint in later {
                let name = URL(fileURLWithPath: checkpoint.path).lastPathComponent
                try files.moveItem(atPath: checkpoint.path, toPath: aside + "/" + name)
            }
        } catch {
            throw ConfigurationError("\(aside): cannot be filled (\(Self.reason(error)))")
        }
        return aside
    }

    private static func reason(_ error: any Error) -> String {
        if let error = error as? POSIXError { return String(cString: strerror(error.code.rawValue)) }
        let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        if let cause, cause.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(cause.code))) }
        return error.localizedDescription.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
