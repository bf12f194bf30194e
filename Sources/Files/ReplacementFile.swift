#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A file written under a temporary name that takes its own only when it is whole and on the disk.
///
/// Whoever reads `path` sees the old contents or the new ones, never a part. Dropped before `commit`, it
/// leaves nothing behind; what a killed process leaves, the next to replace the same file removes.
///
///     var file = try ReplacementFile("run/notes.txt")
///     try file.append(Array("done\n".utf8).span.bytes)
///     try file.commit()
public struct ReplacementFile: ~Copyable {
    /// The name that it takes in the end.
    public let path: String
    private let temporaryPath: String
    private var file: OpenFile
    private var isCommitted = false
    /// Bytes written so far.
    public private(set) var size = 0

    /// Makes the temporary file, beside the one that it is to replace, and locks it where the file system can.
    ///
    /// - Throws: `FileError`, also where another process writes the same file, and under /dev, where a device's name, or a link
    ///   such as /dev/stdout, would become a file's.
    public init(_ path: String) throws(FileError) {
        guard !SystemFile.isDevice(path) else {
            throw FileError("replace", path, reason: "what lies under /dev is no file", remedy: "; name a file", for: .writing)
        }
        let temporaryPath = Leftovers.temporaryName(of: path)
        Leftovers.remove(of: path)
        file = try Self.locked(temporaryPath)
        self.path = path
        self.temporaryPath = temporaryPath
    }

    deinit {
        // Best effort: a file left behind has a name that says what it is.
        if !isCommitted { _ = unlink(temporaryPath) }
    }

    /// The file, empty and locked.
    private static func locked(_ path: String) throws(FileError) -> OpenFile {
        // Who removes leftovers holds the lock for a moment and may remove the file: try again for a second.
        for _ in 0..<100 {
            let file = try OpenFile.creating(path)
            if file.lock() != .heldElsewhere && file.isNamedByItsPath {
                try file.empty()
                return file
            }
            usleep(10_000)
        }
        throw FileError(
            "create", path, reason: "it is locked by another writer", remedy: "; stop that one or choose another directory",
            for: .writing)
    }

    /// Writes behind what was appended before.
    ///
    /// - Throws: `FileError`.
    public mutating func append(_ bytes: RawSpan) throws(FileError) {
        try file.write(bytes, at: size)
        size += bytes.byteCount
    }

    /// Writes over bytes that are there already, a header for example.
    ///
    /// - Throws: `FileError`.
    public func overwrite(_ bytes: RawSpan, at offset: Int) throws(FileError) {
        try file.write(bytes, at: offset)
    }

    /// Flushes, renames, and flushes the directory.
    ///
    /// - Throws: `FileError`.
    public mutating func commit() throws(FileError) {
        try file.synchronise()
        guard rename(temporaryPath, path) == 0 else {
            throw FileError("rename into place", path, code: errno, for: .writing)
        }
        isCommitted = true
        // Only now: with the file its lock goes, and unlocked under its temporary name it would be a leftover.
        try file.close()
        try synchroniseDirectory(splitPath(path).directory)
    }

    /// Writes `bytes` to `path` in one go.
    ///
    /// - Throws: `FileError`.
    public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        var file = try ReplacementFile(path)
        try file.append(bytes.span.bytes)
        try file.commit()
    }
}

/// Temporary files that killed processes have left.
private enum Leftovers {
    private static let mark = ".partial-"

    /// The temporary file of `path` that this process writes.
    static func temporaryName(of path: String) -> String { "\(path)\(mark)\(getpid())" }

    /// Removes the temporary files of `path` that no open descriptor locks.
    ///
    /// The lock tells, and not the process id in the name: on a shared file system it may be another machine's.
    /// Best effort: what cannot be listed, locked or removed stays.
    static func remove(of path: String) {
        let (directory, name) = splitPath(path)
        let start = Array((name + mark).utf8)
        let own = splitPath(temporaryName(of: path)).name
        for found in (try? fileNames(in: directory)) ?? [] {
            let digits = found.utf8.dropFirst(start.count)
            guard found.utf8.starts(with: start), !digits.isEmpty,
                digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), found != own
            else { continue }
            removeUnlessLocked("\(directory)/\(found)")
        }
    }

    private static func removeUnlessLocked(_ path: String) {
        guard let file = try? OpenFile.existing(path), file.lock() == .taken, file.isNamedByItsPath else { return }
        _ = unlink(path)
    }
}
