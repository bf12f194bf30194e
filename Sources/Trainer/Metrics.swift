import Corpus
import Files
import Foundation
import Transformer
import Worker

/// What the trainer adds to a step's own numbers; every rank has them whole.
extension Metric {
    /// Tokens of the batch over `seconds`, all ranks together.
    public static let tokensPerSecond = Metric("tokens_per_second", .same)
    /// Training FLOPs per second over the measured SGEMM rate of all ranks.
    public static let sgemmShare = Metric("sgemm_share", .same)
    /// After an evaluation: exp(NLL / tokens), exp(NLL / words of the original text), NLL / ln 2 / its bytes.
    public static let validPerplexity = Metric("valid_perplexity", .same, mayBeNull: true)
    public static let validWordPerplexity = Metric("valid_word_perplexity", .same, mayBeNull: true)
    public static let validBitsPerByte = Metric("valid_bits_per_byte", .same, mayBeNull: true)
}

/// One line of `metrics.jsonl`: an object of the step and of each metric that it has, by key. Keys that this version does
/// not know, and values that are no numbers, are no obstacle to reading it.
public struct MetricsLine: Codable, Equatable, Sendable {
    public var step: Int
    /// Not finite where the line has null.
    private var numbers: [Metric: Double] = [:]

    public init(step: Int, _ metrics: MetricValues = MetricValues()) {
        self.step = step
        for (metric, value) in metrics.all { self[metric] = value }
    }

    /// Nil where the line does not have it; not finite where it is null there.
    public subscript(metric: Metric) -> Double? {
        get { numbers[metric] }
        set { numbers[metric] = newValue }
    }

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }

        static let step = Key(stringValue: "step")
    }

    public init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        step = try container.decode(Int.self, forKey: .step)
        for key in container.allKeys where key.stringValue != Key.step.stringValue {
            guard let number = try? container.decode(JSONNumber.self, forKey: key) else { continue }
            numbers[Metric(key.stringValue, .same, mayBeNull: true)] = number.value
        }
    }

    public func encode(to encoder: any Swift.Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(step, forKey: .step)
        for (metric, value) in numbers {
            let key = Key(stringValue: metric.key)
            if metric.mayBeNull {
                try container.encode(JSONNumber(value), forKey: key)
            } else {
                try container.encode(value, forKey: key)
            }
        }
    }
}

/// Appends whole lines to `metrics.jsonl`: each goes out in one write, so a killed run leaves no half line.
public struct MetricsFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// Opens the file for a run that goes on after `step`, dropping the lines of later steps and any half line.
    ///
    /// - Throws: `ConfigurationError` where it cannot be read or opened, `FileError` where it cannot be written.
    public init(_ directory: RunDirectory, after step: Int) throws {
        try Self.dropLines(after: step, directory)
        let descriptor = open(directory.metrics, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ConfigurationError("\(directory.metrics): cannot be opened (\(String(cString: strerror(errno))))")
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
            throw ConfigurationError("\(directory.metrics): cannot be read (\(error.reason))")
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

    /// - Throws: `ConfigurationError` when the line could not be written whole, or has a number that JSON has not.
    public func append(_ line: MetricsLine) throws(ConfigurationError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data: Data
        do {
            data = try encoder.encode(line) + Data("\n".utf8)
        } catch {
            throw ConfigurationError("\(path): step \(line.step) has no JSON form")
        }
        let end = lseek(descriptor, 0, SEEK_END)
        let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == data.count else {
            let reason = written < 0 ? String(cString: strerror(errno)) : "only \(written) of \(data.count) bytes"
            // Best effort: the next start drops a half line as well.
            if written > 0 { _ = ftruncate(descriptor, end) }
            throw ConfigurationError("\(path): cannot be written (\(reason)); make room and start again to resume")
        }
    }
}
