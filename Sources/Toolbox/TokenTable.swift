import Foundation
import Transformer

/// `--per-token`: a CSV line for each predicted token, with the level at which each layer attended to predict it.
struct TokenTable: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// Makes the file, or empties it. Throws `ConfigurationError`.
    init(_ path: String) throws(ConfigurationError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ConfigurationError("--per-token \(path): cannot be written: \(String(cString: strerror(errno)))")
        }
        self.descriptor = descriptor
        self.path = path
    }

    // Of a file given up, whose error has been told.
    deinit { _ = close(descriptor) }

    /// Writes the columns' names. Throws `ConfigurationError`.
    func writeHeader(layers: Int) throws(ConfigurationError) {
        try write("position,token,nll" + (0..<layers).map { ",layer_\($0)" }.joined() + "\n")
    }

    /// Appends lines. Throws `ConfigurationError`.
    func write(_ lines: String) throws(ConfigurationError) {
        let bytes = Array(lines.utf8)
        var done = 0
        while done < bytes.count {
            let written = bytes[done...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                throw ConfigurationError("--per-token \(path): cannot be written: \(String(cString: strerror(errno)))")
            }
            done += written
        }
    }

    /// Makes sure that the lines have reached the file system. Throws `ConfigurationError`.
    func finish() throws(ConfigurationError) {
        // A pipe or terminal cannot be synchronised and needs not be.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP else {
            throw ConfigurationError("--per-token \(path): cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}
