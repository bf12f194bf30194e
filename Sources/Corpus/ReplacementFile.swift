#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A file written under a temporary name that takes its own only when it is whole and on the disk.
///
/// Whoever reads `path` sees the old contents or the new ones, never a part. Dropped before `commit`, it
/// leaves nothing behind.
struct ReplacementFile: ~Copyable {
    let path: String
    private let temporaryPath: String
    private var file: OpenFile
    private var isCommitted = false
    /// Bytes written so far.
    private(set) var size = 0

    init(_ path: String) throws(CorpusError) {
        self.path = path
        temporaryPath = "\(path).partial-\(getpid())"
        file = try OpenFile.creating(temporaryPath)
    }

    deinit {
        // Best effort: a file left behind has a name that says what it is.
        if !isCommitted { _ = unlink(temporaryPath) }
    }

    mutating func append(_ bytes: RawSpan) throws(CorpusError) {
        try file.write(bytes, at: size)
        size += bytes.byteCount
    }

    /// Writes over bytes that are there already, a header for example.
    func overwrite(_ bytes: RawSpan, at offset: Int) throws(CorpusError) {
        try file.write(bytes, at: offset)
    }

    /// Flushes, renames, and flushes the directory.
    mutating func commit() throws(CorpusError) {
        try file.synchronizeAndClose()
        guard rename(temporaryPath, path) == 0 else {
            throw CorpusError.file(path: path, action: "rename into place", reason: systemText(errno))
        }
        isCommitted = true
        try synchronizeDirectory(of: path)
    }

    /// Writes `bytes` to `path` in one go.
    static func write(_ bytes: [UInt8], to path: String) throws(CorpusError) {
        var file = try ReplacementFile(path)
        try file.append(bytes.span.bytes)
        try file.commit()
    }
}

/// Waits until the directory that holds `path` is on the disk.
private func synchronizeDirectory(of path: String) throws(CorpusError) {
    let directory =
        switch path.lastIndex(of: "/") {
        case nil: "."
        case path.startIndex: "/"
        case let slash?: String(path[..<slash])
        }
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
        throw CorpusError.file(path: directory, action: "open", reason: systemText(errno))
    }
    let flushed = fsync(descriptor)
    let code = errno
    guard close(descriptor) == 0 else {
        throw CorpusError.file(path: directory, action: "close", reason: systemText(errno))
    }
    // Some file systems do not flush directories and say so with EINVAL: nothing more can be done there.
    guard flushed == 0 || code == EINVAL else {
        throw CorpusError.file(path: directory, action: "flush", reason: systemText(code))
    }
}
