import Checkpoint
import CommandLine
import Communicator
import Kernels
import Model
import Runs
import Worker

/// The loop: step → evaluate → log → checkpoint, until the steps are done or a signal asks to stop.
final class TrainingLoop {
    private let worker: Worker
    private let run: RunConfiguration
    private let corpus: PreparedCorpus
    /// SGEMM rate of all ranks together, FLOP/s.
    private let sgemmRate: Double
    /// Rank 0 only.
    private let progress: Progress?
    /// FLOPs that training on one token needs.
    private let tokenFLOPs: Double
    private var savedStep: Int
    /// The last step whose checkpoint was known to serve when older ones were removed.
    private var prunedStep: Int?

    init(worker: Worker, run: RunConfiguration, corpus: PreparedCorpus, sgemmRate: Double, progress: Progress?) {
        self.worker = worker
        self.run = run
        self.corpus = corpus
        self.sgemmRate = sgemmRate
        self.progress = progress
        tokenFLOPs = worker.configuration.trainingFLOPs(
            perTokenOfLength: worker.configuration.context, adapter: run.placedAdapter)
        savedStep = worker.step
    }

    /// Collective: steps, evaluates, logs and saves until all is done or a signal asks to stop.
    ///
    /// - Returns: the signal that stopped the run before its last step, if one did.
    /// - Throws: `AgreedError` where a file could not be written, `DivergedError` and `MPIError`.
    func train(into metrics: borrowing MetricsFile?) throws -> StopSignal? {
        do {
            return try run(into: metrics)
        } catch let error as NonFiniteError {
            throw try diverged(error)
        }
    }

    private func run(into metrics: borrowing MetricsFile?) throws -> StopSignal? {
        let start = monotonicSeconds()
        var first: MetricsLine?
        var last: MetricsLine?
        while worker.step < run.steps {
            let report = try worker.trainStep(stopRequest: StopSignal.raisedNumber)
            // The step before gave a finite loss and gradient: its checkpoint serves, and may take the place of older ones.
            try prune(provenStep: report.step - 1)
            var line = metricsLine(report)
            var stopped = StopSignal(number: report.stopRequest)
            let isLast = report.step == run.steps
            var isProven = false
            if stopped == nil, isLast || isDue(report.step, every: run.evalEvery) {
                switch try evaluate(&line) {
                case .finite: isProven = true
                case .none: break
                case .stopped(let signal): stopped = signal
                case .notFinite:
                    try worker.grid.agree { try metrics?.append(line) }
                    throw NonFiniteError(step: report.step, what: "the loss of the held-out text")
                }
            }
            try worker.grid.agree { try metrics?.append(line) }
            progress?.step(line)
            first = first ?? line
            last = line
            if stopped != nil || isLast || isDue(report.step, every: run.checkpointEvery) {
                if isLast, stopped == nil, !isProven {
                    guard try worker.givesFiniteLoss() else {
                        throw NonFiniteError(step: report.step, what: "the loss after the update")
                    }
                    isProven = true
                }
                try save()
                if isProven { try prune(provenStep: report.step) }
            }
            if let stopped {
                progress?.say("stopped    at step \(report.step), as a signal asked; start again to go on")
                return stopped
            }
        }
        if let first, let last {
            progress?.say("done       \(run.steps) steps in \(duration(monotonicSeconds() - start)); loss "
                + "\(fixed(first[.loss] ?? .nan, 4)) at step \(first.step), \(fixed(last[.loss] ?? .nan, 4)) at step \(last.step)")
            if let perplexity = last[.validPerplexity] {
                let entries = grouped(Double(worker.configuration.vocabularySize))
                progress?.say("learnt     held-out perplexity \(fixed(perplexity, 2)) a token, where guessing among "
                    + "\(entries) entries gives \(entries)")
            }
            progress?.say("report     drrl report \(run.runDirectory) shows all of it as one page")
        }
        return nil
    }

    private func isDue(_ step: Int, every interval: Int) -> Bool { interval > 0 && step % interval == 0 }

    private func metricsLine(_ report: StepReport) -> MetricsLine {
        let rate = Double(worker.options.batch * worker.configuration.context) / report[.seconds]
        var line = MetricsLine(step: report.step, report.metrics.all)
        line[.tokensPerSecond] = rate
        line[.sgemmShare] = tokenFLOPs * rate / sgemmRate
        return line
    }

    /// What an evaluation came to.
    private enum Evaluated {
        /// There is no held-out text.
        case none
        case finite, notFinite
        case stopped(StopSignal)
    }

    /// Collective.
    private func evaluate(_ line: inout MetricsLine) throws -> Evaluated {
        guard let heldOut = corpus.heldOut else { return .none }
        let step = line.step, tokens = heldOut.tokens.count, live = progress
        let result = try worker.evaluate(
            heldOut, stopRequest: { StopSignal.raisedNumber },
            progress: { live?.evaluating(step: step, tokens: tokens, share: $0) })
        let report: EvaluationReport
        switch result {
        case .success(let whole): report = whole
        case .failure(let stop):
            guard let signal = StopSignal(number: stop.stopRequest) else { return .none }
            progress?.say("valid      step \(step): left out, as a signal asked")
            return .stopped(signal)
        }
        line[.validPerplexity] = report.perplexity
        line[.validWordPerplexity] = report.wordPerplexity
        line[.validBitsPerByte] = report.bitsPerByte
        let part = heldOut.isWhole ? "" : "first \(grouped(Double(tokens))) tokens, "
        progress?.say("valid      step \(step): perplexity \(fixed(report.perplexity, 3)) a token, "
            + "\(fixed(report.wordPerplexity, 2)) a word; \(fixed(report.bitsPerByte, 4)) bits a byte  "
            + "[\(part)context and stride \(worker.configuration.context), tokenizer \(corpus.tokenizer.hash.prefix(12))]")
        return report.negativeLogLikelihood.isFinite ? .finite : .notFinite
    }

    /// Collective.
    private func save() throws {
        if savedStep == worker.step { return }
        let path = try worker.save(in: run.runDirectory, corpus: corpus.saved, tokenizer: corpus.savedTokenizer)
        savedStep = worker.step
        if let path { progress?.say("saved      \(path)") }
    }

    /// Collective: removes checkpoints beyond the newest `--keep`, once, after `step`'s own is known to serve.
    private func prune(provenStep step: Int) throws {
        guard savedStep == step, prunedStep != step else { return }
        prunedStep = step
        try worker.grid.agree {
            guard progress != nil else { return }
            try CheckpointDirectory(run.runDirectory).prune(keep: run.keep, upTo: step)
        }
    }

    /// Collective: what to tell of a run that left the finite numbers. The checkpoint whose weights did it would do it again:
    /// where there is an older one it is put out of the way, so that the next start goes on from that.
    private func diverged(_ error: NonFiniteError) throws -> DivergedError {
        let advice = try worker.grid.agree {
            guard progress != nil else { return "" }
            let directory = CheckpointDirectory(run.runDirectory)
            let left = try directory.checkpoints().filter { $0.step <= worker.step }
            guard let newest = left.first else { return "no checkpoint is left to go on from: start over" }
            guard newest.step == worker.step else { return "start again to go on from \(newest.path)" }
            guard left.count > 1, let retired = try directory.retire(step: newest.step) else {
                return "\(newest.path), the only checkpoint, leads there: start over"
            }
            return "the weights that led there are now \(retired); start again to go on from \(left[1].path)"
        }
        return DivergedError(
            "\(error); \(try worker.grid.world.broadcast(advice, root: 0)), with a lower --lr, a longer --warmup or a smaller --clip")
    }
}

/// A run that left the finite numbers, and what to do about it; the same on every rank.
public struct DivergedError: CollectiveError {
    public let description: String
    init(_ description: String) { self.description = description }
}
