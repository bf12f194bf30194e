import Foundation

/// Files by the names that the system knows them by: `..` after a symbolic link, and `~`, are taken as they are.
public enum SystemFile {
    /// A refusal of the system, whose description is the system's own text.
    public struct Refusal: Error, CustomStringConvertible {
        /// The system's number of it.
        public let code: Int32

        /// - Parameter code: `errno` as the call left it.
        public init(code: Int32) { self.code = code }

        public var description: String { String(cString: strerror(code)) }
    }

    /// All that can be read from `path`, a pipe among others.
    ///
    /// - Throws: `Refusal`.
    public static func contents(of path: String) throws(Refusal) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Refusal(code: errno) }
        // Closing what was only read loses nothing.
        defer { _ = close(descriptor) }
        var bytes: [UInt8] = [], piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Refusal(code: errno) }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
    }

    /// Writes all of `bytes`.
    ///
    /// - Throws: `Refusal`.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) throws(Refusal) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Refusal(code: errno) }
            done += count
        }
    }

    /// Makes sure that what was written has arrived.
    ///
    /// - Throws: `Refusal`.
    public static func synchronise(_ descriptor: Int32) throws(Refusal) {
        // A pipe or terminal cannot be synchronised and needs not be.
        guard fsync(descriptor) == 0 || [EINVAL, EROFS, ENOTSUP].contains(errno) else { throw Refusal(code: errno) }
    }

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

    /// Gives `path` the name `other`.
    ///
    /// - Throws: `Refusal`.
    public static func move(_ path: String, to other: String) throws(Refusal) {
        guard rename(path, other) == 0 else { throw Refusal(code: errno) }
    }
}
