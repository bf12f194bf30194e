import Corpus
import Files
import Foundation
import Model
import Options

/// `--per-token`: a CSV line for each predicted token, with the level at which each layer attended to predict it.
///
/// A file takes its name when it is whole; what is none, a pipe or a device, gets the lines as they come.
struct TokenTable: ~Copyable {
    private var file: ReplacementFile?
    /// Of what is no file; below 0 otherwise.
    private let descriptor: Int32
    private let path: String

    /// Makes the file, or opens what is there.
    ///
    /// - Throws: `UnusableFileError`.
    init(_ path: String) throws(UnusableFileError) {
        self.path = path
        if fileExists(path), !SystemFile.isRegular(path) {
            file = nil
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(path, String(cString: strerror(errno))) }
            return
        }
        descriptor = -1
        do {
            file = try ReplacementFile(path)
        } catch {
            throw Self.failure(path, "\(error)")
        }
    }

    // What it was given has been synchronised, or its error told.
    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Writes the columns' names.
    ///
    /// - Throws: `UnusableFileError`.
    mutating func writeHeader(layers: Int) throws(UnusableFileError) {
        try write("position,token,nll" + (0..<layers).map { ",layer_\($0)" }.joined() + "\n")
    }

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
            throw Self.failure(path, descriptor >= 0 ? error.reason : "\(error)")
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
            throw Self.failure(path, descriptor >= 0 ? error.reason : "\(error)")
        }
    }

    private static func failure(_ path: String, _ reason: String) -> UnusableFileError {
        UnusableFileError("--per-token \(path): cannot be written: \(reason)")
    }
}
