#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A file written under a temporary name that takes its own only when it is whole and on the disk.
///
/// Whoever reads `path` sees the old contents or the new ones, never a part. Dropped before `commit`, it
/// leaves nothing behind; what a killed process leaves, the next to replace the same file removes.
package struct ReplacementFile: ~Copyable {
    let path: String
    private let temporaryPath: String
    private var file: OpenFile
    private var isCommitted = false
    /// Bytes written so far.
    private(set) var size = 0

    package init(_ path: String) throws(CorpusError) {
        self.path = path
        temporaryPath = temporaryName(of: path)
        removeLeftovers(of: path)
        file = try OpenFile.creating(temporaryPath)
    }

    deinit {
        // Best effort: a file left behind has a name that says what it is.
        if !isCommitted { _ = unlink(temporaryPath) }
    }

    package mutating func append(_ bytes: RawSpan) throws(CorpusError) {
        try file.write(bytes, at: size)
        size += bytes.byteCount
    }

    /// Writes over bytes that are there already, a header for example.
    func overwrite(_ bytes: RawSpan, at offset: Int) throws(CorpusError) {
        try file.write(bytes, at: offset)
    }

    /// Flushes, renames, and flushes the directory.
    package mutating func commit() throws(CorpusError) {
        try file.synchronize()
        guard rename(temporaryPath, path) == 0 else {
            throw CorpusError.writing("rename into place", path, code: errno)
        }
        isCommitted = true
        // Only now: with the file its lock goes, and unlocked under its temporary name it would be a leftover.
        try file.close()
        try synchronizeDirectory(splitPath(path).directory)
    }

    /// Writes `bytes` to `path` in one go.
    package static func write(_ bytes: [UInt8], to path: String) throws(CorpusError) {
        var file = try ReplacementFile(path)
        try file.append(bytes.span.bytes)
        try file.commit()
    }
}
