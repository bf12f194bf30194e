import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What was refused of which file, and why. The description is one line that ends in what to do about it.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What the file was wanted for, which decides what can be done about a refusal.
    public enum Use: Sendable { case reading, writing }

    /// The file or directory, as it was named.
    public let path: String
    /// What was refused, such as `read`.
    public let action: String
    /// What it was wanted for.
    public let use: Use
    /// The system's error number; nil where it was not the system that refused.
    public let code: Int32?
    /// The system's words, or ours.
    public let reason: String
    /// What to do, from "; " on; empty where nothing is known to help.
    public let remedy: String

    /// A refusal of the system.
    ///
    /// - Parameters:
    ///   - action: What was refused, such as `read`.
    ///   - path: The file or directory.
    ///   - code: The errno.
    ///   - use: What it was wanted for.
    public init(_ action: String, _ path: String, code: Int32, for use: Use) {
        self.path = path
        self.action = action
        self.use = use
        self.code = code
        reason = Errno(rawValue: code).description
        remedy = use == .reading ? Self.remedyOfReading(code) : Self.remedyOfWriting(code)
    }

    /// A refusal of our own: a file that is there and does not serve.
    ///
    /// - Parameters:
    ///   - action: What was refused.
    ///   - path: The file or directory.
    ///   - reason: Why.
    ///   - remedy: What to do, from "; " on.
    ///   - use: What it was wanted for.
    public init(_ action: String, _ path: String, reason: String, remedy: String = "", for use: Use) {
        self.path = path
        self.action = action
        self.use = use
        code = nil
        self.reason = reason
        self.remedy = remedy
    }

    /// Whether there is no file of that name.
    public var isOfNothing: Bool { code == ENOENT }

    public var description: String { "\(path): cannot \(action): \(reason)\(remedy)" }

    private static func remedyOfReading(_ code: Int32) -> String {
        switch code {
        case ENOENT, ENOTDIR, EINVAL, ENAMETOOLONG, ELOOP: "; check the path"
        case EACCES, EPERM: "; make it readable, or choose another"
        case EMFILE: "; raise the limit of open files (ulimit -n)"
        case EIO: "; check the disk"
        case ESTALE, ETIMEDOUT, EHOSTDOWN: "; check the file system, then start again"
        default: ""
        }
    }

    private static func remedyOfWriting(_ code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT: "; free space or choose another directory"
        case EFBIG: "; raise the file size limit (ulimit -f)"
        case EACCES, EPERM, EROFS: "; choose a directory that can be written"
        case ENOENT, ENOTDIR: "; choose a directory that exists"
        case EEXIST, EISDIR: "; choose another name"
        case EIO: "; check the disk or choose another directory"
        case ESTALE, ETIMEDOUT, EHOSTDOWN: "; check the file system, then start again"
        default: ""
        }
    }
}

/// An error of many kinds, one of which is that a file could not be read or written.
public protocol FileErrorHolder: Error {
    /// That kind.
    static func file(_ error: FileError) -> Self
}

extension FileErrorHolder {
    /// Runs `body`; what it was refused becomes `file`.
    package static func naming<Result: ~Copyable>(_ body: () throws(FileError) -> Result) throws(Self) -> Result {
        do {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}
