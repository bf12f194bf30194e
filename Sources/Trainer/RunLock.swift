import Files
import Transformer

/// Keeps a second job out of a run directory; held until the process ends or this value does.
struct RunLock: ~Copyable {
    private let file: OpenFile

    /// - Throws: `ConfigurationError` when another job holds the directory.
    init(_ directory: RunDirectory) throws(ConfigurationError) {
        let opened = try Self.opened(directory.path + "/.lock")
        // Some cluster file systems have no locks; there the check is left out.
        guard opened.lock() != .heldElsewhere else {
            throw ConfigurationError("--run-dir \(directory.path): another job is running in it; wait for it or name another")
        }
        file = opened
    }

    private static func opened(_ path: String) throws(ConfigurationError) -> OpenFile {
        do {
            return try OpenFile.creating(path)
        } catch {
            throw ConfigurationError("\(path): cannot be opened (\(error.reason))")
        }
    }
}
