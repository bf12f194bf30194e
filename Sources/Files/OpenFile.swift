import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The only owner of a file descriptor, with the path that it was opened by; closes it.
///
/// Paths are handed to the system as they are: `~` is a name, `..` is wherever its directory's parent is, and a slash at the
/// end asks for a directory. (`FilePath` would take the last away.)
///
///     var file = try OpenFile.creating("run/notes")
///     try file.write(bytes.span.bytes, at: 0)
///     try file.close()
public struct OpenFile: ~Copyable, Sendable {
    /// The path that it was opened by.
    public let path: String
    private let descriptor: FileDescriptor
    private var isOpen = true

    /// The descriptor for C, such as `mmap`; good while this value lives.
    public var rawDescriptor: Int32 { descriptor.rawValue }

    private init(
        _ path: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions, _ action: String
    ) throws(FileError) {
        let use: FileError.Use = mode == .readOnly ? .reading : .writing
        // The system would take what is before a NUL for the path.
        guard !path.utf8.contains(0) else { throw FileError(action, path, code: EINVAL, for: use) }
        let permissions = options.contains(.create) ? FilePermissions(rawValue: 0o644) : nil
        let opened = try refusing(action, path, use) {
            try path.withCString {
                try FileDescriptor.open($0, mode, options: options.union(.closeOnExec), permissions: permissions)
            }
        }
        self.path = path
        descriptor = opened
    }

    deinit {
        // Only files being read, looked at or given up get here open: nothing is lost by a failed close.
        if isOpen { try? descriptor.close() }
    }

    /// Opens what is there for reading, a pipe after a writer came.
    ///
    /// - Throws: `FileError`.
    public static func reading(_ path: String) throws(FileError) -> OpenFile { try OpenFile(path, .readOnly, [], "read") }

    /// Opens a regular file for reading, without waiting.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - action: What an error says was refused.
    /// - Throws: `FileError`, also for what is no regular file.
    public static func regular(_ path: String, action: String = "read") throws(FileError) -> OpenFile {
        let file = try waitless(path, action: action)
        guard file.isRegular else {
            throw FileError(action, path, reason: "Not a regular file", remedy: "; choose another", for: .reading)
        }
        return file
    }

    /// Opens what is there for reading without waiting: a pipe without a writer would wait for one.
    ///
    /// - Throws: `FileError`.
    public static func waitless(_ path: String, action: String = "open") throws(FileError) -> OpenFile {
        try OpenFile(path, .readOnly, .nonBlocking, action)
    }

    /// Opens a file for reading and writing, and makes it where there is none. What is in it stays.
    ///
    /// - Throws: `FileError`.
    public static func creating(_ path: String, action: String = "create") throws(FileError) -> OpenFile {
        try OpenFile(path, .readWrite, .create, action)
    }

    /// Opens a regular file that is there, and no link to one, for writing, to lock it.
    static func existing(_ path: String) throws(FileError) -> OpenFile {
        let file = try OpenFile(path, .writeOnly, [.noFollow, .nonBlocking], "open")
        guard file.isRegular else { throw FileError("open", path, reason: "Not a regular file", for: .writing) }
        return file
    }

    // MARK: What it is

    /// Size in bytes.
    ///
    /// - Throws: `FileError`.
    public func size() throws(FileError) -> Int {
        var status = stat()
        guard fstat(rawDescriptor, &status) == 0 else { throw FileError("inspect", path, code: errno, for: .reading) }
        return Int(status.st_size)
    }

    /// Whether it is a regular file, and no pipe, device or directory.
    public var isRegular: Bool { status.st_mode & S_IFMT == S_IFREG }

    /// Whether `path` still names this file: it may have been renamed, removed or replaced since it was opened.
    var isNamedByItsPath: Bool {
        var named = stat()
        guard stat(path, &named) == 0 else { return false }
        return named.st_dev == status.st_dev && named.st_ino == status.st_ino
    }

    /// What the system says of the file; zeros if it refuses.
    private var status: stat {
        var status = stat()
        return fstat(rawDescriptor, &status) == 0 ? status : stat()
    }

    // MARK: Locks

    /// What came of asking for a lock.
    public enum LockOutcome: Equatable, Sendable {
        /// It is this descriptor's, until it is closed.
        case taken
        /// Another open descriptor has it, of this process or another.
        case heldElsewhere
        /// The file system has no locks.
        case unsupported(code: Int32)
        /// The system refused for another reason.
        case failed(code: Int32)
    }

    /// Asks for the file's lock, or changes the one held, without waiting.
    ///
    /// - Parameter shared: Readers' lock, which several may have; one writer's otherwise.
    public func lock(shared: Bool = false) -> LockOutcome {
        while flock(rawDescriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: return .heldElsewhere
            case ENOSYS, EOPNOTSUPP, ENOLCK: return .unsupported(code: errno)
            default: return .failed(code: errno)
            }
        }
        return .taken
    }

    // MARK: Reading and writing

    /// Fills `bytes` from byte `offset` of the file on. Any number of threads may read at once.
    ///
    /// Positioned reads and not a mapping: a file that shrinks meanwhile is a short read here, and would be a signal there.
    /// - Returns: How many bytes there were; fewer than asked for where the file ends before.
    /// - Throws: `FileError`.
    public func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
            let count = try refusing("read", path, .reading) {
                try descriptor.read(fromAbsoluteOffset: Int64(offset + done), into: rest)
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Everything from the current position to the end, of a file or a pipe.
    ///
    /// - Throws: `FileError`.
    public func readToEnd() throws(FileError) -> [UInt8] {
        // One byte more than the size, so that the end is seen without growing.
        var capacity = max(try size(), 0) + 1
        var bytes: [UInt8] = []
        var atEnd = false
        while !atEnd {
            let chunk = try refusing("read", path, .reading) {
                try [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                    while count < buffer.count && !atEnd {
                        let rest = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[count...]))
                        let got = try descriptor.read(into: rest)
                        atEnd = got == 0
                        count += got
                    }
                }
            }
            if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
            capacity = 1 << 16
        }
        return bytes
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// - Throws: `FileError`.
    public func write(_ bytes: RawSpan, at offset: Int) throws(FileError) {
        // Past the limit the kernel ends the process with SIGXFSZ: ask first.
        guard UInt64(offset + bytes.byteCount) <= DiskSpace.fileSizeLimit else {
            throw FileError("write", path, code: EFBIG, for: .writing)
        }
        try refusing("write", path, .writing) {
            try bytes.withUnsafeBytes { source in
                var done = 0
                while done < source.count {
                    let rest = UnsafeRawBufferPointer(rebasing: source[done...])
                    done += try descriptor.write(toAbsoluteOffset: Int64(offset + done), rest)
                }
            }
        }
    }

    /// Drops what is in it.
    ///
    /// - Throws: `FileError`.
    public func empty() throws(FileError) {
        try refusing("empty", path, .writing) { try descriptor.resize(to: 0) }
    }

    /// Waits until the contents are on the disk.
    ///
    /// - Throws: `FileError`.
    public func synchronise() throws(FileError) {
        while fsync(rawDescriptor) != 0 {
            guard errno == EINTR else { throw FileError("synchronise", path, code: errno, for: .writing) }
        }
    }

    /// Takes it out of the page cache, so that reading it reads the disk. Advice only.
    public func leaveCache() { _ = posix_fadvise(rawDescriptor, 0, 0, POSIX_FADV_DONTNEED) }

    /// Closes a written file; the last moment to be told of a failure.
    ///
    /// - Throws: `FileError`.
    public mutating func close() throws(FileError) {
        isOpen = false
        try refusing("close", path, .writing) { try descriptor.close() }
    }
}

/// Runs what swift-system does and names the file in its error.
func refusing<Result>(
    _ action: String, _ path: String, _ use: FileError.Use, _ body: () throws -> Result
) throws(FileError) -> Result {
    do {
        return try body()
    } catch {
        throw FileError(action, path, code: (error as? Errno ?? .ioError).rawValue, for: use)
    }
}
