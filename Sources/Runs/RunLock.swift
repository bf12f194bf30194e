import Files
import Options

/// Keeps a second job out of a run directory; held until the process ends or this value does.
public struct RunLock: ~Copyable {
    private let file: OpenFile

    /// - Parameter directory: which is there.
    /// - Throws: `UnusableFileError` where another job holds the directory, or the lock cannot be made.
    public init(_ directory: RunDirectory) throws(UnusableFileError) {
        let opened = try Self.opened(directory.path + "/.lock")
        // Some cluster file systems have no locks; there the check is left out.
        guard opened.lock() != .heldElsewhere else {
            throw UnusableFileError(
                "\(option: "run-dir") \(directory.path): another job is running in it; wait for it or name another")
        }
        file = opened
    }

    private static func opened(_ path: String) throws(UnusableFileError) -> OpenFile {
        do {
            return try OpenFile.creating(path)
        } catch {
            throw UnusableFileError("\(path): cannot be opened (\(error.reason))")
        }
    }
}
