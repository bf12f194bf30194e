#if canImport(Glibc)
import Glibc
#endif

/// Refuses, before the first byte, a checkpoint that cannot fit.
enum DiskSpace {
    /// - Throws: `CheckpointError` if `bytes` exceed the free space or the file size limit in `directory`.
    static func require(_ bytes: Int, in directory: String) throws(CheckpointError) {
        guard bytes > 0 else { return }
        let available = try available(in: directory)
        guard bytes <= available else { throw .noRoom(path: directory, needed: bytes, available: available) }
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else {
            throw .system(action: "read the file size limit for", path: directory, code: errno)
        }
        guard UInt64(bytes) <= UInt64(limit.rlim_cur) else {
            throw .system(action: "write \(bytes) bytes in", path: directory, code: EFBIG)
        }
    }

    /// Bytes that are free for this user; `Int.max` where a file system does not count its blocks.
    static func available(in directory: String) throws(CheckpointError) -> Int {
        var status = statvfs()
        while statvfs(directory, &status) != 0 {
            guard errno == EINTR else { throw .system(action: "inspect", path: directory, code: errno) }
        }
        if status.f_blocks == 0 { return Int.max }
        let blocks = geteuid() == 0 ? status.f_bfree : status.f_bavail
        let (free, overflow) = Int(clamping: blocks).multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
        return overflow ? Int.max : free
    }
}
