import DynamicRank
import Foundation
import Kernels
import Transformer
import Worker

/// What a run that goes on does otherwise than the run that it goes on from, a line each.
struct ChangedOptions {
    let lines: [String]

    /// - Parameter step: the last step taken before.
    init(from before: RestoredRun, to run: RunConfiguration, _ corpus: SavedCorpus, step: Int) {
        var lines: [String] = []
        let old = Dictionary(Self.options(before.run)) { $1 }, new = Self.options(run, like: before.run)
        for (name, value) in new where old[name] != value {
            lines.append("--\(name) \(old[name] ?? "not set") → \(value)")
        }
        let given = Set(new.map(\.0))
        for (name, value) in Self.options(before.run) where !given.contains(name) {
            lines.append("--\(name) \(value) → not set")
        }
        lines += Self.schedule(before.run.training.learningRate, run.learningRate, step)
        lines += Self.texts(before.corpus, corpus)
        self.lines = lines
    }

    /// The options of a checkpoint's run that decide what is learnt, by the command line's names.
    private static func options(_ saved: SavedRun) -> [(String, String)] {
        options(
            dropout: saved.model.dropout, saved.training.learningRate, batch: saved.training.batch,
            saved.training.optimizer, clip: saved.training.clip, saved.precision ?? .float32,
            freezes: saved.training.freezesModel, saved.ranks)
    }

    /// Those of a run, without attention's where the checkpoint does not tell it.
    private static func options(_ run: RunConfiguration, like saved: SavedRun) -> [(String, String)] {
        options(
            dropout: run.dropout, run.learningRate, batch: run.batch, AdamW(weightDecay: run.weightDecay), clip: run.clip,
            run.precision, freezes: run.freezesModel, saved.ranks == nil ? nil : run.ranks)
    }

    private static func options(
        dropout: Float, _ rate: LearningRate, batch: Int, _ optimizer: AdamW, clip: Float, _ precision: Precision,
        freezes: Bool, _ ranks: RankOptions?
    ) -> [(String, String)] {
        [
            ("dropout", number(dropout)), ("batch", "\(batch)"), ("lr", number(rate.peak)), ("min-lr", number(rate.floor)),
            ("warmup", "\(rate.warmup)"), ("weight-decay", number(optimizer.weightDecay)), ("clip", number(clip)),
            ("precision", precision.rawValue), ("freeze", "\(freezes)"),
        ] + (ranks?.options ?? []).compactMap { name, value in value.map { (name, $0) } }
    }

    private static func number(_ x: Float) -> String { String(format: "%.6g", Double(x)) }

    /// Another number of steps stretches or squeezes the whole curve.
    private static func schedule(_ old: LearningRate, _ new: LearningRate, _ step: Int) -> [String] {
        guard old.steps != new.steps else { return [] }
        func rate(_ schedule: LearningRate) -> String { String(format: "%.3g", Double(schedule[step + 1])) }
        return [
            "the learning rate's schedule is now made for \(new.steps) steps, before for \(old.steps): step \(step + 1) has "
                + "rate \(rate(new)) where it had \(rate(old)); --schedule-steps \(old.steps) keeps the old one",
        ]
    }

    private static func texts(_ old: SavedCorpus, _ new: SavedCorpus) -> [String] {
        var lines: [String] = []
        func compare(_ option: String, _ old: (path: String, hash: String), _ new: (path: String, hash: String)) {
            if old.hash == new.hash { return }
            lines.append(
                old.path == new.path
                    ? "\(new.path) has changed since that run read it" : "\(option) \(old.path) → \(new.path)")
        }
        compare("--train", (old.path, old.sourceHash), (new.path, new.sourceHash))
        if old.sourceHash == new.sourceHash, old.tokens != new.tokens {
            lines.append("the text has other tokens, \(old.tokens) → \(new.tokens): see --special-text")
        }
        switch (old.heldOut, new.heldOut) {
        case (let was?, let now?): compare("--valid", (was.path, was.sourceHash), (now.path, now.sourceHash))
        case (let was?, nil): lines.append("--valid \(was.path) → not set")
        // Earlier checkpoints do not tell.
        case (nil, _): break
        }
        return lines
    }
}
