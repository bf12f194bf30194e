import Files
import Foundation
import Options

/// Appends whole lines to `metrics.jsonl`: each goes out in one write, so a killed run leaves no half line.
public struct MetricsFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// Opens the file for a run that goes on after `step`, dropping the lines of later steps and any half line.
    ///
    /// - Parameters:
    ///   - directory: of the run.
    ///   - step: 0 for a run that begins.
    /// - Throws: `UnusableFileError` where it cannot be read or opened, `FileError` where it cannot be written.
    public init(_ directory: RunDirectory, after step: Int) throws {
        try Self.dropLines(after: step, directory)
        let descriptor = open(directory.metrics, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw UnusableFileError("\(directory.metrics): cannot be opened (\(String(cString: strerror(errno))))")
        }
        self.descriptor = descriptor
        path = directory.metrics
    }

    private static func dropLines(after step: Int, _ directory: RunDirectory) throws {
        guard fileExists(directory.metrics) else { return }
        let old: [UInt8]
        do {
            old = try SystemFile.contents(of: directory.metrics)
        } catch {
            throw UnusableFileError("\(directory.metrics): cannot be read (\(error.reason))")
        }
        let kept = old.split(separator: UInt8(ascii: "\n")).filter { line in
            (try? JSONDecoder().decode(NumberedLine.self, from: Data(line))).map { $0.step <= step } ?? false
        }
        let text = kept.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
        if Array(text.utf8) != old { try directory.write(text, to: directory.metrics) }
    }

    /// What every line has had and will have, whatever else versions write.
    private struct NumberedLine: Decodable {
        let step: Int
    }

    deinit { _ = close(descriptor) }

    /// Appends a line.
    ///
    /// - Throws: `UnusableFileError` where it could not be written whole, or has a number that JSON has not.
    public func append(_ line: MetricsLine) throws(UnusableFileError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data: Data
        do {
            data = try encoder.encode(line) + Data("\n".utf8)
        } catch {
            throw UnusableFileError("\(path): step \(line.step) has no JSON form")
        }
        let end = lseek(descriptor, 0, SEEK_END)
        let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == data.count else {
            let reason = written < 0 ? String(cString: strerror(errno)) : "only \(written) of \(data.count) bytes"
            // Best effort: the next start drops a half line as well.
            if written > 0 { _ = ftruncate(descriptor, end) }
            throw UnusableFileError("\(path): cannot be written (\(reason)); make room and start again to resume")
        }
    }
}
