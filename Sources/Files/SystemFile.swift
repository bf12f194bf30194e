#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Files by the names that the system knows them by: `..` after a symbolic link, and `~`, are taken as they are.
public enum SystemFile {
    /// All that can be read from `path`, a pipe among others.
    ///
    /// - Throws: `FileError`.
    public static func contents(of path: String) throws(FileError) -> [UInt8] { try OpenFile.reading(path).readToEnd() }

    /// Writes all of `bytes` to what may be a file, a pipe or a terminal.
    ///
    /// - Throws: `FileError`.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw FileError("write", name(of: descriptor), code: errno, for: .writing) }
            done += count
        }
    }

    /// Makes sure that what was written has arrived.
    ///
    /// - Throws: `FileError`.
    public static func synchronise(_ descriptor: Int32) throws(FileError) {
        // A pipe or terminal cannot be synchronised and needs not be.
        guard fsync(descriptor) == 0 || [EINVAL, EROFS, ENOTSUP].contains(errno) else {
            throw FileError("synchronise", name(of: descriptor), code: errno, for: .writing)
        }
    }

    private static func name(of descriptor: Int32) -> String { "descriptor \(descriptor)" }

    /// Whether a path is a device's, or a link's to one: it lies under /dev, /dev/shm aside.
    public static func isDevice(_ path: String) -> Bool { path.hasPrefix("/dev/") && !path.hasPrefix("/dev/shm/") }

    /// Whether `path` names a regular file.
    public static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether `path` names a directory.
    public static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether two names are of one file or directory.
    public static func areSame(_ a: String, _ b: String) -> Bool {
        var first = stat(), second = stat()
        return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev
            && first.st_ino == second.st_ino
    }

    /// What stands before the last part of a path: `.` and `/` where nothing does.
    public static func directory(of path: String) -> String {
        let trimmed = path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    /// The last part of a path.
    public static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Gives `path` the name `other`, in place of what has that name.
    ///
    /// - Throws: `FileError`.
    public static func move(_ path: String, to other: String) throws(FileError) {
        guard rename(path, other) == 0 else { throw FileError("rename", path, code: errno, for: .writing) }
    }
}

/// The whole of a regular file.
///
/// - Throws: `FileError`.
public func readFile(_ path: String) throws(FileError) -> [UInt8] { try OpenFile.regular(path).readToEnd() }

/// Whether something of that name exists.
public func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// Removes the file if it is there.
///
/// - Throws: `FileError`.
public func removeFile(_ path: String) throws(FileError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw FileError("remove", path, code: errno, for: .writing) }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
