#if canImport(Glibc)
import Glibc
#endif

/// The only owner of a file descriptor, with its path.
struct OpenFile: ~Copyable {
    let descriptor: Int32
    let path: String

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        // What had to reach the disk was synchronised before; nobody is left to tell.
        _ = close(descriptor)
    }

    /// An empty file at `path`, locked against other writers.
    static func create(_ path: String) throws(CheckpointError) -> OpenFile {
        let file = try OpenFile(path, O_RDWR | O_CREAT | O_CLOEXEC, doing: "create")
        try file.lock(LOCK_EX)
        // Only once it is ours: what stands in it may be a leftover or another writer's work.
        try file.check("empty") { ftruncate(file.descriptor, 0) }
        return file
    }

    /// The regular file at `path`, for reading, locked against writers.
    static func read(_ path: String) throws(CheckpointError) -> OpenFile {
        // Opening a pipe would wait for its writer.
        let file = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, doing: "open")
        guard try file.status().st_mode & S_IFMT == S_IFREG else {
            throw .notACheckpoint(path: path, reason: "it is not a regular file")
        }
        try file.lock(LOCK_SH)
        return file
    }

    private init(_ path: String, _ flags: Int32, doing action: String) throws(CheckpointError) {
        var descriptor: Int32
        repeat { descriptor = open(path, flags, 0o644) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else { throw .system(action: action, path: path, code: errno) }
        self.init(descriptor: descriptor, path: path)
    }

    func status() throws(CheckpointError) -> stat {
        var status = stat()
        try check("inspect") { fstat(descriptor, &status) }
        return status
    }

    /// Bytes in the file.
    func length() throws(CheckpointError) -> Int { Int(try status().st_size) }

    /// Takes or changes this file's lock (`LOCK_SH`, `LOCK_EX`) unless `HDF5_USE_FILE_LOCKING` forbids it.
    ///
    /// A file system without locks counts as free, save where the variable insists (`TRUE`), as in HDF5.
    private func lock(_ kind: Int32) throws(CheckpointError) {
        let setting = getenv("HDF5_USE_FILE_LOCKING").map { String(cString: $0) }
        if setting == "FALSE" || setting == "0" { return }
        while flock(descriptor, kind | LOCK_NB) != 0 {
            let code = errno
            switch code {
            case EINTR: continue
            case EWOULDBLOCK: throw .busy(path: path)
            case ENOSYS, EOPNOTSUPP, ENOLCK:
                if setting != "TRUE" && setting != "1" { return }
                throw .system(action: "lock", path: path, code: code)
            default: throw .system(action: "lock", path: path, code: code)
            }
        }
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// - Throws: `damaged` where the file ends before.
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(CheckpointError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(action: "read", path: path, code: errno)
            }
            guard count > 0 else {
                throw .damaged(path: path, reason: "it ends at byte \(offset + done), too early")
            }
            done += count
        }
    }

    /// Writes `bytes` over those at `offset`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CheckpointError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(action: "write", path: path, code: errno)
            }
            done += count
        }
    }

    /// Waits until the file is on the disk, then drops it from the page cache, so that reading it reads the disk.
    func synchronise() throws(CheckpointError) {
        try check("synchronise") { fsync(descriptor) }
        // Advice only.
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    }

    /// Waits until the names in `directory` are on the disk.
    static func synchronise(directory: String) throws(CheckpointError) {
        let file = try OpenFile(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, doing: "open")
        // Some network file systems have nothing to synchronise and say so with EINVAL.
        try file.check("synchronise", allowing: EINVAL) { fsync(file.descriptor) }
    }

    /// Whether a process is writing the file at `path`.
    static func isBusy(_ path: String) throws(CheckpointError) -> Bool {
        do {
            let file = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, doing: "open")
            try file.lock(LOCK_EX)
            return false
        } catch .busy {
            return true
        }
    }

    /// Lets readers in while other writers stay out.
    func shareLock() throws(CheckpointError) { try lock(LOCK_SH) }

    /// Removes the file at `path`.
    static func remove(_ path: String) throws(CheckpointError) {
        guard unlink(path) == 0 else { throw .system(action: "remove", path: path, code: errno) }
    }

    /// Gives the file at `path` the name `other`, in place of what has that name.
    static func rename(_ path: String, to other: String) throws(CheckpointError) {
        guard Glibc.rename(path, other) == 0 else { throw .system(action: "rename", path: path, code: errno) }
    }

    private func check(
        _ action: String, allowing allowed: Int32? = nil, _ body: () -> Int32
    ) throws(CheckpointError) {
        while body() != 0 {
            let code = errno
            if code == allowed { return }
            if code != EINTR { throw .system(action: action, path: path, code: code) }
        }
    }
}
