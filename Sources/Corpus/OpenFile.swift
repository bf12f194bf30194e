#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// An open regular file, closed with its owner.
struct OpenFile: ~Copyable {
    let path: String
    private(set) var descriptor: Int32

    /// Opens a regular file for reading.
    static func reading(_ path: String) throws(CorpusError) -> OpenFile {
        let file = try OpenFile(path, flags: O_RDONLY, action: "read")
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw file.failure("read") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .file(path: path, action: "read", reason: "Not a regular file")
        }
        return file
    }

    /// Makes the file anew, empty, for writing, and locks it while it is open, where the file system can.
    static func creating(_ path: String) throws(CorpusError) -> OpenFile {
        // Who removes leftovers holds the lock for a moment and may remove the file: try again for a second.
        for _ in 0..<100 {
            let file = try OpenFile(path, flags: O_WRONLY | O_CREAT, action: "create")
            if file.lock() != .heldElsewhere && file.isNamedByItsPath {
                guard ftruncate(file.descriptor, 0) == 0 else {
                    throw CorpusError.writing("create", path, code: errno)
                }
                return file
            }
            usleep(10_000)
        }
        throw .file(
            path: path, action: "create",
            reason: "it is locked by another writer; stop that one or choose another directory")
    }

    /// Opens a regular file that is there for writing, to lock it.
    static func existing(_ path: String) throws(CorpusError) -> OpenFile {
        // A pipe without a reader would wait for one.
        let file = try OpenFile(path, flags: O_WRONLY | O_NOFOLLOW | O_NONBLOCK, action: "open")
        guard file.status.st_mode & S_IFMT == S_IFREG else {
            throw .file(path: path, action: "open", reason: "Not a regular file")
        }
        return file
    }

    private init(_ path: String, flags: Int32, action: String) throws(CorpusError) {
        let descriptor = open(path, flags | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let code = errno
            throw flags & O_CREAT == 0
                ? CorpusError.file(path: path, action: action, reason: systemText(code))
                : CorpusError.writing(action, path, code: code)
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        // Only files being read, looked at or given up get here open: nothing is lost by a failed close.
        if descriptor >= 0 { _ = systemClose(descriptor) }
    }

    /// Size in bytes.
    func size() throws(CorpusError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("read the size of") }
        return Int(status.st_size)
    }

    /// Everything from the current position to the end.
    func readToEnd() throws(CorpusError) -> [UInt8] {
        let expected = try size()
        var code: Int32 = 0
        // One byte more than the size, so that the end is seen without growing.
        var capacity = expected + 1
        var bytes: [UInt8] = []
        var atEnd = false
        while !atEnd && code == 0 {
            let chunk = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                while count < buffer.count {
                    let got = read(descriptor, buffer.baseAddress! + count, buffer.count - count)
                    if got < 0 && errno == EINTR { continue }
                    if got < 0 { code = errno }
                    if got <= 0 {
                        atEnd = true
                        break
                    }
                    count += got
                }
            }
            if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
            capacity = 1 << 16
        }
        guard code == 0 else {
            throw CorpusError.file(path: path, action: "read", reason: systemText(code))
        }
        return bytes
    }

    /// Who has the lock that was asked for.
    enum Lock {
        /// This descriptor, until it is closed.
        case taken
        /// Another open descriptor, of this process or another.
        case heldElsewhere
        /// Nobody: the file system has no locks.
        case unsupported
    }

    /// Asks for the file's lock without waiting.
    func lock() -> Lock {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            return errno == EWOULDBLOCK ? .heldElsewhere : .unsupported
        }
        return .taken
    }

    /// Whether `path` still names this file: it may have been renamed, removed or replaced since it was opened.
    var isNamedByItsPath: Bool {
        var named = stat()
        guard stat(path, &named) == 0 else { return false }
        return named.st_dev == status.st_dev && named.st_ino == status.st_ino
    }

    /// What the system says of the file; zeros if it refuses.
    private var status: stat {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : stat()
    }

    /// Writes all of `bytes` at `offset`.
    func write(_ bytes: RawSpan, at offset: Int) throws(CorpusError) {
        // Past the limit the kernel ends the process with SIGXFSZ: ask first.
        guard !exceedsSizeLimit(offset + bytes.byteCount) else {
            throw .writing("write", path, code: EFBIG)
        }
        let code = bytes.withUnsafeBytes { source -> Int32 in
            var done = 0
            while done < source.count {
                let put = pwrite(
                    descriptor, source.baseAddress! + done, source.count - done,
                    off_t(offset + done))
                if put < 0 && errno == EINTR { continue }
                if put < 0 { return errno }
                done += put
            }
            return 0
        }
        guard code == 0 else {
            throw CorpusError.writing("write", path, code: code)
        }
    }

    /// Waits until the contents are on the disk.
    func synchronize() throws(CorpusError) {
        guard fsync(descriptor) == 0 else { throw .writing("flush", path, code: errno) }
    }

    /// Closes a written file.
    mutating func close() throws(CorpusError) {
        let closing = descriptor
        descriptor = -1
        guard systemClose(closing) == 0 else { throw .writing("close", path, code: errno) }
    }

    private func failure(_ action: String) -> CorpusError {
        .file(path: path, action: action, reason: systemText(errno))
    }
}

/// The whole of a regular file.
package func readFile(_ path: String) throws(CorpusError) -> [UInt8] {
    try OpenFile.reading(path).readToEnd()
}

/// Whether something of that name exists.
package func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// Removes the file if it is there.
package func removeFile(_ path: String) throws(CorpusError) {
    guard unlink(path) == 0 || errno == ENOENT else {
        throw CorpusError.writing("remove", path, code: errno)
    }
}

/// Whether a file may not grow to `size` bytes under the process's limit.
private func exceedsSizeLimit(_ size: Int) -> Bool {
    var limit = rlimit()
    #if canImport(Glibc)
    let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
    #else
    let resource = RLIMIT_FSIZE
    #endif
    // No limit is the largest number.
    return getrlimit(resource, &limit) == 0 && UInt64(size) > UInt64(limit.rlim_cur)
}

private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
