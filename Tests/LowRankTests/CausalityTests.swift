import Kernels
import LowRank
import Model
import Testing

/// Changing token t leaves every logit and every chosen level before t bit for bit, that of its own segment included: for
/// every t of a sequence of four segments, in training and in evaluation.
@Suite struct CausalityTests {
    private static let nested = [(1, 2), (2, 4), (4, 8), (8, 8)].map(EngineRun.level)

    static let options = [
        RankOptions(mode: .full, levels: nested, segment: 8),
        RankOptions(mode: .random(), levels: nested, segment: 8),
        RankOptions(mode: .energy(0.7), levels: nested, segment: 8),
        RankOptions(mode: .energy(0.95), levels: nested, segment: 8),
        RankOptions(mode: .policy(AgentOptions()), levels: nested, segment: 8),
        RankOptions(mode: .policy(guarded), levels: nested, segment: 8),
        RankOptions(mode: .oracle(RewardWeights(beta: 0.5)), levels: nested, segment: 8),
        RankOptions(mode: .random(), levels: nested, segment: 8, basis: .online),
        RankOptions(mode: .energy(0.7), levels: nested, segment: 8, basis: .online),
        RankOptions(mode: .policy(AgentOptions()), levels: nested, segment: 8, basis: .online),
    ] + [(1, 1), (2, 8), (4, 5), (8, 3), (8, 8)].map(EngineRun.level).flatMap { level in
        BasisSource.allCases.map { RankOptions(mode: .fixed([level]), levels: [level], segment: 8, basis: $0) }
    }

    private static var guarded: AgentOptions {
        var agent = AgentOptions()
        agent.tolerance = try? Guard(epsilon: 0.8, decay: 0.9)
        return agent
    }

    /// New bases at the second and the third segment, of which the text has most.
    private static var upkeeping: RankEngine.UpkeepOptions {
        var upkeeping = EngineRun.everyRow
        upkeeping.refinement.first = 1
        upkeeping.refinement.prior = 1
        upkeeping.refinement.sampleEvery = 1
        return upkeeping
    }

    /// Two sequences, so that neither may see the other.
    private static let batch = EngineRun.batch([6, 1 << 33], tokens: 9)

    /// The batch with token t of the second sequence another.
    private static func changed(_ t: Int) -> MicroBatch {
        let tokens = Buffer(batch.tokens.array), i = batch.length + t
        tokens[i] = (tokens[i] + 1) % Int32(EngineRun.vocabulary)
        return MicroBatch(
            sequences: 2, length: batch.length, tokens: tokens, targets: batch.targets, samples: batch.samples)
    }

    @Test(arguments: options, [true, false])
    func laterTokensDoNotMatter(options: RankOptions, isTraining: Bool) throws {
        let run = try EngineRun(options, upkeeping: Self.upkeeping)
        for step in 1...3 { try run.step(step, [EngineRun.batch([10, 11, 12], tokens: UInt64(step))]) }
        // A young policy hardly heeds the text; with large weights it does.
        for entry in run.engine.agent?.entries ?? [] where entry.path.hasPrefix("/policy/model/") && entry.shape.count == 2 {
            guard case .float32(let pieces?) = entry.elements else { continue }
            let scale: Float = entry.path == "/policy/model/conv.weight" ? 500 : 8
            for i in 0..<pieces[0].count { pieces[0][i] *= scale }
        }
        let dropout = Dropout(rate: 0.1, seed: 5, step: 4)
        func result(_ batch: MicroBatch) -> (logits: [Float], levels: [SegmentLevels?]) {
            if isTraining {
                run.forward(batch, step: 4, dropout: dropout)
            } else {
                run.forward(batch, run.engine.evaluationPass(of: run.stage))
            }
            return (run.logits(batch), run.levels)
        }
        #expect(run.engine.isReducing == options.namesLevels)
        let base = result(Self.batch), V = EngineRun.vocabulary
        if options.mode is RandomLevels { #expect(Set(base.levels.flatMap { $0?.levels ?? [] }).count == 4) }
        var changes = 0
        for t in 0..<Self.batch.length {
            let after = result(Self.changed(t)), first = (Self.batch.length + t) * V
            #expect(base.logits[..<first] == after.logits[..<first], "token \(t)")
            for (before, now) in zip(base.levels, after.levels) {
                // Of the second sequence the segments up to token t's own, of the first all.
                let same = 4 + t / 8 + 1
                #expect(before?.levels[..<same] == now?.levels[..<same], "token \(t)")
                if before != now { changes += 1 }
            }
            #expect(base.logits[first..<(first + V)] != after.logits[first..<(first + V)], "token \(t) is read")
        }
        if options.mode is LearnedPolicy || options.mode is OracleStrategy {
            #expect(changes > 0, "levels depend on the text")
        } else {
            #expect(changes == 0, "levels never look at tokens")
        }
    }

    /// The same of the part of a sequence as of the whole.
    @Test(arguments: options) func aPrefixRunsAsItDoesWithinTheWhole(options: RankOptions) throws {
        let run = try EngineRun(options, upkeeping: Self.upkeeping)
        try run.step(1, [EngineRun.batch([10, 11, 12], tokens: 1)])
        func logits(length: Int) -> [Float] {
            let batch = EngineRun.batch([6], length: length, tokens: 9)
            run.forward(batch, run.engine.evaluationPass(of: run.stage))
            return run.logits(batch)
        }
        let whole = logits(length: 32), scale = whole.map(abs).max() ?? 0
        for length in [1, 7, 8, 9, 16, 24, 25, 31] {
            #expect(zip(logits(length: length), whole).allSatisfy { abs($0 - $1) <= 1e-5 * scale }, "\(length) tokens")
        }
    }
}
