import Options
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Keeps a second job out of a run directory; held until the process ends or this value does.
public struct RunLock: ~Copyable {
    private let descriptor: Int32

    /// - Parameter directory: which is there.
    /// - Throws: `UnusableFileError` where another job holds the directory, or the lock cannot be made.
    public init(_ directory: RunDirectory) throws(UnusableFileError) {
        let path = directory.path + "/.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw UnusableFileError("\(path): cannot be opened (\(String(cString: strerror(errno))))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            // Some cluster file systems have no locks; there the check is left out.
            if code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP { return }
            _ = close(descriptor)
            throw UnusableFileError(
                "\(option: "run-dir") \(directory.path): another job is running in it; wait for it or name another")
        }
    }

    deinit { _ = close(descriptor) }
}
