import Corpus
import Files
import Foundation
import Model
import Options

/// A file of lines that an option names, such as `--per-token`.
///
/// A file takes its name when it is whole; what is none, a pipe or a device, gets the lines as they come.
struct LineFile: ~Copyable {
    private var file: ReplacementFile?
    /// Of what is no file; below 0 otherwise.
    private let descriptor: Int32
    private let path: String
    /// What names it, without dashes.
    private let option: String

    /// Makes the file, or opens what is there.
    ///
    /// - Throws: `UnusableFileError`.
    init(_ path: String, option: String) throws(UnusableFileError) {
        self.path = path
        self.option = option
        // What /dev/stdout leads to may be a file: to replace it would put a file in the link's place.
        if SystemFile.isDevice(path) || (fileExists(path) && !SystemFile.isRegular(path)) {
            file = nil
            descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(option, path, String(cString: strerror(errno))) }
            return
        }
        descriptor = -1
        do {
            file = try ReplacementFile(path)
        } catch {
            throw Self.failure(option, path, "\(error)")
        }
    }

    // What it was given has been synchronised, or its error told.
    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Appends lines.
    ///
    /// - Throws: `UnusableFileError`.
    mutating func write(_ lines: String) throws(UnusableFileError) {
        let bytes = Array(lines.utf8)
        do {
            if descriptor >= 0 {
                try SystemFile.write(bytes, to: descriptor)
            } else {
                try file?.append(bytes.span.bytes)
            }
        } catch {
            throw Self.failure(option, path, descriptor >= 0 ? error.reason : "\(error)")
        }
    }

    /// Makes sure that the lines have arrived, and gives a file its name.
    ///
    /// - Throws: `UnusableFileError`.
    mutating func finish() throws(UnusableFileError) {
        do {
            if descriptor >= 0 {
                try SystemFile.synchronise(descriptor)
            } else {
                try file?.commit()
            }
        } catch {
            throw Self.failure(option, path, descriptor >= 0 ? error.reason : "\(error)")
        }
    }

    private static func failure(_ option: String, _ path: String, _ reason: String) -> UnusableFileError {
        UnusableFileError("--\(option) \(path): cannot be written: \(reason)")
    }
}
