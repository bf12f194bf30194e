#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

extension CorpusError {
    /// The failure to write `path`, with what to do about it in the same line.
    ///
    /// - Parameters:
    ///   - action: What was refused, such as "write".
    ///   - path: The file or directory.
    ///   - code: The errno.
    /// - Returns: A `file`.
    package static func writing(_ action: String, _ path: String, code: Int32) -> CorpusError {
        .file(path: path, action: action, reason: systemText(code) + remedy(code))
    }

    private static func remedy(_ code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT: "; free space or choose another directory"
        case EFBIG: "; raise the file size limit (ulimit -f)"
        case EACCES, EPERM, EROFS: "; choose a directory that can be written"
        case ENOENT, ENOTDIR: "; choose a directory that exists"
        case EEXIST, EISDIR: "; choose another name"
        case EIO: "; check the disk or choose another directory"
        default: ""
        }
    }
}

/// The system's text for an error number.
func systemText(_ code: Int32) -> String { String(cString: strerror(code)) }
