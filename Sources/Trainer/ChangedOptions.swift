import CommandLine
import Foundation
import LowRank
import Model
import Options
import Worker

/// What a run that goes on does otherwise than the run that it goes on from, a line each.
struct ChangedOptions {
    let lines: [String]

    /// - Parameter step: the last step taken before.
    init(from before: RestoredRun, to run: RunConfiguration, _ corpus: SavedCorpus, step: Int) {
        var lines: [String] = []
        let saved = Self.options(before.run), old = Dictionary(saved) { $1 }
        // Checkpoints of before there was a choice of attention do not tell it.
        let new = run.learnt(withAttention: before.run.ranks != nil)
        for (name, value) in new where old[name] != value {
            lines.append("--\(name) \(old[name] ?? "not set") → \(value)")
        }
        let given = Set(new.map(\.name))
        for (name, value) in saved where !given.contains(name) {
            lines.append("--\(name) \(value) → not set")
        }
        lines += Self.schedule(before.run.training.learningRate, run.learningRate, step)
        lines += Self.texts(before.corpus, corpus)
        self.lines = lines
    }

    /// The options of a checkpoint's run that decide what is learnt.
    private static func options(_ saved: SavedRun) -> [(name: String, value: String)] {
        let own = RunOptions.list.map { ($0.option.name, $0.changeText(keptBy: saved)) }
        let attention = saved.ranks?.options.map { ($0.option.name, $0.text) } ?? []
        return (own + attention).compactMap { name, text in text.map { (name, $0) } }
    }

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
