#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// How much may be written.
public enum DiskSpace {
    /// Bytes that are free for this user in a directory's file system; `Int.max` where that does not count its blocks.
    ///
    /// - Throws: `FileError`.
    public static func available(in directory: String) throws(FileError) -> Int {
        var status = statvfs()
        while statvfs(directory, &status) != 0 {
            guard errno == EINTR else { throw FileError("inspect", directory, code: errno, for: .reading) }
        }
        if status.f_blocks == 0 { return Int.max }
        let blocks = geteuid() == 0 ? status.f_bfree : status.f_bavail
        let (free, overflow) = Int(clamping: blocks).multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
        return overflow ? Int.max : free
    }

    /// The largest size in bytes that a file of this process may have; the largest number where there is no limit.
    public static var fileSizeLimit: UInt64 {
        var limit = rlimit()
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        #else
        let resource = RLIMIT_FSIZE
        #endif
        return getrlimit(resource, &limit) == 0 ? UInt64(limit.rlim_cur) : .max
    }

    /// - Throws: `FileError` where no file of this process may have so many bytes, for one in `directory`.
    public static func requireFileSize(_ bytes: Int, in directory: String) throws(FileError) {
        guard UInt64(bytes) <= fileSizeLimit else {
            throw FileError("write \(bytes) bytes in", directory, code: EFBIG, for: .writing)
        }
    }
}
