import Communicator
import Corpus
import Kernels
import LowRank
import Model
import Worker

extension Comparison {
    /// Of the questions that `--needles` asks, how many a strategy answers.
    public struct Recall: Codable, Equatable, Sendable {
        public var recalled, questions: Int
        public var share: Double
    }
}

extension NeedleWindows {
    /// Collective: made on rank 0, which has the tokenizer; the same on every rank.
    ///
    /// - Throws: `AgreedError` and `MPIError`.
    static func shared(
        _ count: Int, _ plan: ComparisonPlan.Context, pairs: Int, from text: Tokens, _ tokenizer: ByteLevelBPE?, seed: UInt64,
        on world: borrowing Communicator
    ) throws -> NeedleWindows {
        var tokens: [Int32] = [], bounds: [Int64] = []
        try agreed(on: world) {
            guard let tokenizer else { return }
            let made = try NeedleWindows(
                count, context: plan.context, pairs: pairs, segment: plan.segment, exact: plan.exact, from: text, tokenizer,
                seed: seed)
            tokens = made.windows.flatMap(\.self)
            bounds = made.answers.joined().flatMap { [Int64($0.lowerBound), Int64($0.upperBound)] }
        }
        tokens = try world.broadcast(tokens, root: 0)
        bounds = try world.broadcast(bounds, root: 0)
        let L = plan.context
        return NeedleWindows(
            context: L, windows: (0..<count).map { Array(tokens[($0 * L)..<(($0 + 1) * L)]) },
            answers: (0..<count).map { window in
                (0..<pairs).map { pair in
                    let i = 2 * (window * pairs + pair)
                    return Int(bounds[i])..<Int(bounds[i + 1])
                }
            })
    }
}

extension WindowRunner {
    /// Collective: ranks share the windows.
    ///
    /// - Throws: `MPIError`.
    func recall(
        _ needles: NeedleWindows, _ engine: RankEngine, on world: borrowing Communicator
    ) throws -> Comparison.Recall {
        let stage = stage(for: engine.options), lowRank = engine.evaluationPass(of: stage)
        var recalled = 0.0
        for window in Topology.share(of: needles.windows.count, part: world.rank, of: world.size) {
            let tokens = Buffer(needles.windows[window])
            // Numbers of their own, so that what is drawn is not what some window of the text has.
            let batch = MicroBatch(
                sequences: 1, length: needles.context, tokens: tokens, targets: Buffer(count: tokens.count, repeating: -1),
                samples: [UInt64(1 << 32 + window)])
            stage.forward(batch, activations, lowRank: lowRank)
            // The token at a position is predicted by the row before.
            let rows = needles.answers[window].flatMap { ($0.lowerBound - 1)..<($0.upperBound - 1) }
            let likeliest = Dictionary(uniqueKeysWithValues: zip(rows, stage.likeliest(atRows: rows, batch, activations)))
            recalled += Double(needles.recalled(window: window) { likeliest[$0 - 1] ?? -1 })
        }
        let all = Int(try world.allreduce(recalled, .sum))
        return Comparison.Recall(recalled: all, questions: needles.questions, share: Double(all) / Double(needles.questions))
    }
}
