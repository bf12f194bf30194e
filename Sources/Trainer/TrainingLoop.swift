import Communicator
import Kernels
import Transformer
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
    private var savedStep: Int

    init(worker: Worker, run: RunConfiguration, corpus: PreparedCorpus, sgemmRate: Double, progress: Progress?) {
        self.worker = worker
        self.run = run
        self.corpus = corpus
        self.sgemmRate = sgemmRate
        self.progress = progress
        savedStep = worker.step
    }

    /// Collective. Throws `AgreedError` where a file could not be written, `NonFiniteError` and `MPIError`.
    func train(into metrics: borrowing MetricsFile?) throws {
        let start = monotonicSeconds()
        var first: MetricsLine?
        var last: MetricsLine?
        while worker.step < run.steps {
            let report = try worker.trainStep(stopRequested: StopSignal.isRaised)
            var line = metricsLine(report)
            if report.step == run.steps || isDue(report.step, every: run.evalEvery) { try evaluate(&line) }
            try worker.grid.agree { try metrics?.append(line) }
            progress?.step(line)
            first = first ?? line
            last = line
            if report.stopRequested || report.step == run.steps || isDue(report.step, every: run.checkpointEvery) {
                try save()
            }
            if report.stopRequested {
                progress?.say("stopped    at step \(report.step), as a signal asked; start again to go on")
                return
            }
        }
        if let first, let last {
            progress?.say("done       \(run.steps) steps in \(duration(monotonicSeconds() - start)); loss "
                + "\(fixed(first.loss, 4)) at step \(first.step), \(fixed(last.loss, 4)) at step \(last.step)")
            if let perplexity = last.valid_perplexity {
                let entries = grouped(Double(worker.configuration.vocabularySize))
                progress?.say("learnt     held-out perplexity \(fixed(perplexity, 2)) a token, where guessing among "
                    + "\(entries) entries gives \(entries)")
            }
        } else {
            progress?.say("done       step \(worker.step) of \(run.steps) was reached before; raise --steps to go on")
        }
    }

    private func isDue(_ step: Int, every interval: Int) -> Bool { interval > 0 && step % interval == 0 }

    private func metricsLine(_ report: StepReport) -> MetricsLine {
        let length = worker.configuration.context
        let rate = Double(worker.options.batch * length) / report.seconds
        var line = MetricsLine(
            step: report.step, loss: report.loss, lr: Double(report.learningRate), grad_norm: report.gradientNorm,
            tokens_per_second: rate,
            sgemm_share: worker.configuration.trainingFLOPs(perTokenOfLength: length) * rate / sgemmRate,
            exposed_comm_seconds: report.exposedSeconds, seconds: report.seconds)
        if run.ranks.strategy != .full {
            let attention = report.attention
            if run.ranks.strategy.namesLevels {
                line.score_rank = attention.scoreRank
                line.value_rank = attention.valueRank
            }
            line.attention_flops = attention.flops
            line.upkeep_flops = attention.upkeepFLOPs
            line.attention_flops_saved = 1 - attention.flops / attention.fullFLOPs
            line.overhead_seconds = report.overheadSeconds
            if let bases = attention.bases {
                line.bases_kept = bases.kept
                line.bases_iterated = bases.iterated
                line.bases_decomposed = bases.decomposed
                line.basis_check_flops = bases.checkFLOPs
                line.basis_iteration_flops = bases.iterationFLOPs
                line.basis_decomposition_flops = bases.decompositionFLOPs
                line.basis_seconds = bases.seconds
            }
            if let lesson = attention.lesson {
                line.policy_flops = attention.policyFLOPs
                line.guard_flops = attention.guardFLOPs
                line.reward = lesson.reward
                line.policy_entropy = lesson.entropy
                line.epsilon = lesson.tolerance
                line.masked_share = lesson.maskedShare
            }
        }
        return line
    }

    private func evaluate(_ line: inout MetricsLine) throws {
        guard let valid = corpus.valid else { return }
        let report = try worker.evaluate(valid)
        // A text with few spaces has long words, and JSON has no infinity.
        line.valid_perplexity = report.perplexity.isFinite ? report.perplexity : nil
        line.valid_word_perplexity = report.wordPerplexity.isFinite ? report.wordPerplexity : nil
        line.valid_bits_per_byte = report.bitsPerByte
        progress?.say("valid      step \(line.step): perplexity \(fixed(report.perplexity, 3)) a token, "
            + "\(fixed(report.wordPerplexity, 2)) a word; \(fixed(report.bitsPerByte, 4)) bits a byte  "
            + "[context and stride \(worker.configuration.context), tokenizer \(corpus.tokenizer.hash.prefix(12))]")
    }

    private func save() throws {
        if savedStep == worker.step { return }
        let path = try worker.save(
            in: run.runDirectory, keep: run.keep, corpus: corpus.saved, tokenizer: corpus.savedTokenizer)
        savedStep = worker.step
        if let path { progress?.say("saved      \(path)") }
    }
}
