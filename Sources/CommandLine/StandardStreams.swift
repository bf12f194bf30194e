import Files
import Foundation
import Options

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
        _ = try? SystemFile.write(Array((line + "\n").utf8), to: STDERR_FILENO)
    }
}

/// What a program prints as its result.
public enum StandardOutput {
    /// Writes all of `text` and makes sure that it arrived.
    ///
    /// - Throws: `UnusableFileError` where it did not: a full disk, a closed descriptor, a pipe that nobody reads.
    public static func write(_ text: String) throws(UnusableFileError) {
        do {
            try SystemFile.write(Array(text.utf8), to: STDOUT_FILENO)
            try SystemFile.synchronise(STDOUT_FILENO)
        } catch {
            throw UnusableFileError(
                "standard output cannot be written (\(error.reason)), so the result is lost; "
                    + "give it another place")
        }
    }
}

/// Writes a line to standard error for a person who watches; where that fails, nothing is lost.
public func remark(_ line: String) { StandardStreams.complain(line) }
