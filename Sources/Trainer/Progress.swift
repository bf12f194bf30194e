import CommandLine
import Foundation
import Kernels
import Runs
import Worker

/// What rank 0 tells a person: one live line on a terminal, plain lines elsewhere.
final class Progress {
    private let isTerminal = printsToTerminal()
    private let steps: Int
    private let interval: Int
    private var lineIsOpen = false
    private var timed = (steps: 0, seconds: 0.0)
    /// When a step or an evaluation was last heard of.
    private var lastEvaluating = monotonicSeconds()

    init(steps: Int) {
        self.steps = steps
        interval = max(1, steps / 40)
    }

    /// A line that stays.
    func say(_ text: String) {
        closeLine()
        print(text)
        flush()
    }

    /// A step, in place on a terminal, every few steps elsewhere.
    func step(_ line: MetricsLine) {
        timed.steps += 1
        lastEvaluating = monotonicSeconds()
        timed.seconds += line[.seconds] ?? 0
        guard isTerminal || line.step % interval == 0 || line.step == steps || timed.steps == 1 else { return }
        let left = Double(steps - line.step) * timed.seconds / Double(timed.steps)
        let text = "step \(padded("\(line.step)", "\(steps)".count))/\(steps)  loss \(fixed(line[.loss] ?? .nan, 4))"
            + "  \(padded(grouped(line[.tokensPerSecond] ?? 0), 7)) tokens/s  \(padded(percent(line[.sgemmShare] ?? 0), 4)) of SGEMM"
            + attention(line) + "  ETA \(duration(left))"
        if isTerminal {
            print("\r\u{1B}[K" + text, terminator: "")
            lineIsOpen = true
        } else {
            print(text)
        }
        flush()
    }

    /// How far an evaluation is: in place on a terminal, every quarter of a minute elsewhere.
    func evaluating(step: Int, tokens: Int, share: Double) {
        let text = "valid      step \(step): \(percent(share)) of \(grouped(Double(tokens))) tokens"
        if isTerminal {
            print("\r\u{1B}[K" + text, terminator: "")
            lineIsOpen = true
        } else {
            guard monotonicSeconds() - lastEvaluating > 15 else { return }
            print(text)
        }
        lastEvaluating = monotonicSeconds()
        flush()
    }

    /// Mean ranks and what they save, where attention runs below full rank.
    private func attention(_ line: MetricsLine) -> String {
        guard let score = line[.scoreRank], let value = line[.valueRank], let saved = line[.attentionFLOPsSaved] else {
            return ""
        }
        return "  rank \(fixed(score, 1)):\(fixed(value, 1)), \(percent(saved)) of attention FLOPs saved"
    }

    private func closeLine() {
        if lineIsOpen { print() }
        lineIsOpen = false
    }

    // What cannot be shown is not worth stopping a run for.
    private func flush() { _ = fflush(nil) }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
