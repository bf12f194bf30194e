import Foundation
import Transformer

/// The descriptors 0, 1 and 2 as the process found them.
enum StandardStreams {
    /// Puts something at those that are closed, so that no file opened later takes their place; to write there still fails.
    static func secure() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest that is free, which is this one.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Writes a line to standard error, where nobody is left to tell a failure to.
    static func complain(_ line: String) {
        _ = try? write(Array((line + "\n").utf8), to: STDERR_FILENO)
    }

    /// Writes all of `bytes`. Throws `SystemFile.Refusal`.
    fileprivate static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemFile.Refusal) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw SystemFile.Refusal(code: errno) }
            done += count
        }
    }
}

/// What a program prints as its result.
public enum StandardOutput {
    /// Writes all of `text` and makes sure that it arrived.
    ///
    /// - Throws: `ConfigurationError` where it did not: a full disk, a closed descriptor, a pipe that nobody reads.
    public static func write(_ text: String) throws(ConfigurationError) {
        do {
            try StandardStreams.write(Array(text.utf8), to: STDOUT_FILENO)
            // A pipe or terminal cannot be synchronised and needs not be.
            guard fsync(STDOUT_FILENO) == 0 || [EINVAL, EROFS, ENOTSUP].contains(errno) else {
                throw SystemFile.Refusal(code: errno)
            }
        } catch {
            throw ConfigurationError(
                "standard output cannot be written (\(error)), so the result is lost; "
                    + "give it another place")
        }
    }
}

/// Writes a line to standard error for a person who watches.
public func remark(_ line: String) { StandardStreams.complain(line) }
