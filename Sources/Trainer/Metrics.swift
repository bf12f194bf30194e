import Corpus
import Foundation
import Transformer
import Worker

/// One line of `metrics.jsonl`. Loss in nats per token; times in seconds.
public struct MetricsLine: Codable, Equatable, Sendable {
    public var step: Int
    public var loss: Double
    public var lr: Double
    public var grad_norm: Double
    public var tokens_per_second: Double
    /// Training FLOPs per second over the measured SGEMM rate of all ranks.
    public var sgemm_share: Double
    public var exposed_comm_seconds: Double
    public var seconds: Double
    /// Where attention is not full: attention FLOPs executed, upkeep's part of them, and the share that full attention
    /// would have executed more; where levels are named, mean ranks over layers and segments.
    public var score_rank: Double?
    public var value_rank: Double?
    public var attention_flops: Double?
    public var upkeep_flops: Double?
    public var attention_flops_saved: Double?
    /// In steps that looked at the bases: how many were kept, turned by orthogonal iteration and decomposed again, the FLOPs
    /// of finding out which, of iterations and of decompositions, and the seconds of all heads.
    public var bases_kept: Int?
    public var bases_iterated: Int?
    public var bases_decomposed: Int?
    public var basis_check_flops: Double?
    public var basis_iteration_flops: Double?
    public var basis_decomposition_flops: Double?
    public var basis_seconds: Double?
    /// Longest time of a rank for what goes on beside attention itself, in seconds.
    public var overhead_seconds: Double?
    /// Under a policy: the parts of `attention_flops` that it and its spectral norms took, mean reward of a segment, mean
    /// entropy in nats, ε_t, and the share of actions that the guard masked.
    public var policy_flops: Double?
    public var guard_flops: Double?
    public var reward: Double?
    public var policy_entropy: Double?
    public var epsilon: Double?
    public var masked_share: Double?
    /// Null where the number is beyond all numbers.
    public var valid_perplexity: JSONNumber?
    public var valid_word_perplexity: JSONNumber?
    public var valid_bits_per_byte: JSONNumber?

    public init(
        step: Int, loss: Double, lr: Double, grad_norm: Double, tokens_per_second: Double, sgemm_share: Double,
        exposed_comm_seconds: Double, seconds: Double
    ) {
        self.step = step
        self.loss = loss
        self.lr = lr
        self.grad_norm = grad_norm
        self.tokens_per_second = tokens_per_second
        self.sgemm_share = sgemm_share
        self.exposed_comm_seconds = exposed_comm_seconds
        self.seconds = seconds
    }
}

/// Appends whole lines to `metrics.jsonl`: each goes out in one write, so a killed run leaves no half line.
public struct MetricsFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// Opens the file for a run that goes on after `step`, dropping the lines of later steps and any half line.
    /// Throws `ConfigurationError` where it cannot be read or opened, `CorpusError` where it cannot be written.
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
            throw ConfigurationError("\(directory.metrics): cannot be read (\(error))")
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

    /// Throws `ConfigurationError` when the line could not be written whole.
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
