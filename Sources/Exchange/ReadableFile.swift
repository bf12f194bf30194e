import Corpus
import JSON
import Kernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// An open regular file, read at any position by any number of threads, closed with its owner.
///
/// Positioned reads and not a mapping: a file that shrinks meanwhile is an error here, and would be a signal there.
struct ReadableFile: ~Copyable, Sendable {
    let path: String
    /// In bytes, when it was opened.
    let size: Int
    private let descriptor: Int32

    init(_ path: String) throws(ExchangeError) {
        // The system would take what is before a NUL for the path.
        guard !path.utf8.contains(0) else { throw Self.failure(path, EINVAL) }
        // A pipe without a writer would wait for one.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            _ = close(descriptor)
            throw .file(.file(path: path.inOneLine, action: "read", reason: "Not a regular file; choose another"))
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit {
        // Nothing was written: nothing is lost by a failed close.
        _ = close(descriptor)
    }

    /// Fills `buffer` with the file's bytes from `offset` on.
    func read<Element>(into buffer: Buffer<Element>, at offset: Int) throws(ExchangeError) {
        defer { withExtendedLifetime(buffer) {} }
        let bytes = buffer.bytes
        var done = 0
        while done < bytes.count {
            let got = pread(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw Self.failure(path, errno) }
            guard got > 0 else {
                throw .malformed(path: path, place: nil, problem: "it became shorter while it was read")
            }
            done += got
        }
    }

    /// `count` bytes from `offset` on.
    func bytes(at offset: Int, count: Int) throws(ExchangeError) -> [UInt8] {
        let buffer = Buffer<UInt8>(uninitialized: count)
        try read(into: buffer, at: offset)
        return buffer.array
    }

    /// All of it.
    ///
    /// - Parameter limit: The most bytes that such a file is believed to have.
    func contents(limit: Int) throws(ExchangeError) -> [UInt8] {
        guard size <= limit else {
            throw .malformed(path: path, place: nil, problem: "\(size) bytes, such a file has \(limit) at most")
        }
        return try bytes(at: 0, count: size)
    }

    private static func failure(_ path: String, _ code: Int32) -> ExchangeError {
        let remedy =
            switch code {
            case ENOENT, ENOTDIR, EINVAL, ENAMETOOLONG, ELOOP: "; check the path"
            case EACCES, EPERM: "; make it readable"
            case EIO: "; check the disk"
            case EMFILE: "; raise the limit of open files (ulimit -n)"
            default: ""
            }
        return .file(.file(path: path.inOneLine, action: "read", reason: String(cString: strerror(code)) + remedy))
    }
}
