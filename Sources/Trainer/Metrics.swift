import Foundation
import Transformer
import Worker

/// One line of `metrics.jsonl`. Loss in nats per token; times in seconds.
struct MetricsLine: Codable, Equatable {
    var step: Int
    var loss: Double
    var lr: Double
    var grad_norm: Double
    var tokens_per_second: Double
    /// Training FLOPs per second over the measured SGEMM rate of all ranks.
    var sgemm_share: Double
    var exposed_comm_seconds: Double
    var seconds: Double
    var valid_perplexity: Double?
    var valid_word_perplexity: Double?
    var valid_bits_per_byte: Double?
}

/// Appends whole lines to `metrics.jsonl`: each goes out in one write, so a killed run leaves no half line.
struct MetricsFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// Opens the file for a run that goes on after `step`, dropping the lines of later steps and any half line.
    /// Throws `ConfigurationError`.
    init(_ directory: RunDirectory, after step: Int) throws(ConfigurationError) {
        try Self.dropLines(after: step, directory)
        let descriptor = open(directory.metrics, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ConfigurationError("\(directory.metrics): cannot be opened (\(String(cString: strerror(errno))))")
        }
        self.descriptor = descriptor
        path = directory.metrics
    }

    private static func dropLines(after step: Int, _ directory: RunDirectory) throws(ConfigurationError) {
        guard let old = FileManager.default.contents(atPath: directory.metrics) else { return }
        let kept = old.split(separator: UInt8(ascii: "\n")).filter { line in
            (try? JSONDecoder().decode(MetricsLine.self, from: Data(line))).map { $0.step <= step } ?? false
        }
        let text = kept.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
        if Data(text.utf8) != old { try directory.write(text, to: directory.metrics) }
    }

    deinit { _ = close(descriptor) }

    /// Throws `ConfigurationError` when the line could not be written whole.
    func append(_ line: MetricsLine) throws(ConfigurationError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data: Data
        do {
            data = try encoder.encode(line) + Data("\n".utf8)
        } catch {
            throw ConfigurationError("\(path): step \(line.step) has no JSON form")
        }
        let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == data.count else {
            let reason = written < 0 ? String(cString: strerror(errno)) : "only \(written) of \(data.count) bytes"
            throw ConfigurationError("\(path): cannot be written (\(reason)); make room and start again to resume")
        }
    }
}
