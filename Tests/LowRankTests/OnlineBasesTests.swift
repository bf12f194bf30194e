import Kernels
import LowRank
import Model
import Testing

/// Value bases refined from a sequence's own earlier segments, in evaluation.
@Suite struct OnlineBasesTests {
    private static let level = EngineRun.level(8, 2)

    private static func options(_ basis: BasisSource, at level: Level = level) -> RankOptions {
        RankOptions(mode: .fixed([level]), levels: [level], segment: 8, basis: basis)
    }

    /// With T = 8 and L = 32: new bases at 8 and 16.
    private static func upkeeping(prior: Double, sampleEvery: Int = 1) -> RankEngine.UpkeepOptions {
        var upkeeping = EngineRun.everyRow
        upkeeping.refinement.prior = prior
        upkeeping.refinement.first = 1
        upkeeping.refinement.sampleEvery = sampleEvery
        return upkeeping
    }

    /// Sequences whose tokens are among `tokens` alone.
    private static func batch(_ samples: [UInt64], among tokens: Range<Int32>) -> MicroBatch {
        let batch = EngineRun.batch(samples, tokens: 3)
        let own = Buffer(batch.tokens.array.map { tokens.lowerBound + $0 % Int32(tokens.count) })
        return MicroBatch(
            sequences: batch.sequences, length: batch.length, tokens: own, targets: batch.targets, samples: samples)
    }

    /// Logits of `batch` after a step on `seen`, of a model of so many layers.
    private static func logits(
        _ batch: MicroBatch, after seen: MicroBatch, _ options: RankOptions, prior: Double, layers: Int = 2,
        withPositions: Bool = true
    ) throws -> [Float] {
        let run = try EngineRun(options, of: layers, upkeeping: upkeeping(prior: prior)), parameters = run.stage.parameters
        if !withPositions, let table = parameters.layout["transformer.wpe.weight"] {
            parameters.values[table.range].fill(0)
        }
        try run.step(1, [seen])
        #expect(run.engine.isReducing == options.namesLevels)
        run.forward(batch, run.engine.evaluationPass(of: run.stage))
        return run.logits(batch)
    }

    /// ‖a − b‖² over `rows` of both sequences.
    private static func error(_ a: [Float], _ b: [Float], rows: Range<Int>) -> Double {
        let V = EngineRun.vocabulary, L = EngineRun.context
        return [0, L].reduce(0) { sum, first in
            (((first + rows.lowerBound) * V)..<((first + rows.upperBound) * V)).reduce(sum) {
                $0 + square(Double(a[$1]) - Double(b[$1]))
            }
        }
    }

    /// Two tokens and no positions have values of rank 2, which other tokens' bases miss. Rows of the first segment keep
    /// those; later ones are nearer to full attention the less the resident Gram weighs, and at last equal.
    @Test func whereSequencesAreUnlikeTrainingTheirOwnBasesAreBetter() throws {
        let seen = Self.batch([1, 2, 3, 4], among: 0..<6), own = Self.batch([5, 6], among: 20..<22)
        func logits(_ options: RankOptions, prior: Double) throws -> [Float] {
            try Self.logits(own, after: seen, options, prior: prior, layers: 1, withPositions: false)
        }
        let full = try logits(RankOptions(mode: .full, levels: [Self.level], segment: 8), prior: 1)
        let resident = try logits(Self.options(.resident), prior: 1)
        let before = Self.error(resident, full, rows: 8..<32)
        let errors = try [1e6, 16, 0].map { prior in
            let online = try logits(Self.options(.online), prior: prior)
            #expect(Self.error(online, resident, rows: 0..<8) < 1e-9 * before)
            return Self.error(online, full, rows: 8..<32)
        }
        #expect(errors[0] < 1.001 * before && errors[1] < 0.5 * before && errors[2] < 1e-8 * before, "\(errors), \(before)")
    }

    /// A resident Gram of infinite weight gives the resident bases, just decomposed, again.
    @Test(arguments: [EngineRun.level(2, 2), EngineRun.level(4, 5), EngineRun.level(8, 8)])
    func anInfinitePriorLeavesTheResidentBases(level: Level) throws {
        let batch = EngineRun.batch([5, 6]), seen = EngineRun.batch([1, 2])
        let resident = try Self.logits(batch, after: seen, Self.options(.resident, at: level), prior: 1)
        let online = try Self.logits(batch, after: seen, Self.options(.online, at: level), prior: .infinity)
        let scale = resident.map(abs).max() ?? 0
        #expect(zip(online, resident).allSatisfy { abs($0 - $1) <= 1e-5 * scale })
        let other = try Self.logits(batch, after: seen, Self.options(.online, at: level), prior: 1)
        let differs = zip(other, resident).contains { abs($0 - $1) > 1e-3 * scale }
        // At value rank d any basis gives the same.
        #expect(differs == (level.valueRank < 8))
    }

    /// What the kernels count is what a hand counts: one layer of 2 heads of width 8 at level 2:4, one sequence of 32 tokens,
    /// new bases at 8 and at 16, every third row in their Grams.
    @Test func flopsAreThoseExecuted() throws {
        let run = try EngineRun(
            Self.options(.online, at: EngineRun.level(2, 4)), of: 1, upkeeping: Self.upkeeping(prior: 1, sampleEvery: 3))
        try run.step(1, [EngineRun.batch([1])])
        let pass = run.engine.evaluationPass(of: run.stage), flops = run.team.flops
        run.stage.fold(pass)
        flops.reset()
        run.stage.forward(EngineRun.batch([2]), run.stage.makeActivations(), lowRank: pass)
        // Rows 0, 3, 6 and 9, 12, 15: values of width 16, and two Grams of order 8.
        let grams = 6 * (2 * 16 * 16 + 2 * 8 * 9)
        let decompositions = 2 * 2 * (9 * 8 * 8 * 8)
        // Of each head Wv P, bv P and Pᵀ Wo.
        let folding = 2 * 2 * 2 * (16 * 8 * 4 + 8 * 4 + 4 * 8 * 16)
        #expect(flops[.upkeep] == grams + decompositions + folding)
        // Queries and keys of all rows once, outputs too; values of rows up to each epoch's end.
        #expect(flops[.projections] == 2 * 16 * 2 * (32 * 2 + 32 * 2 + (8 + 16 + 32) * 4 + 32 * 4))
        let pairs = 2 * 8 * (8 + 16 + 24 + 32)
        #expect(flops[.scores] == 2 * pairs * 2 && flops[.values] == 2 * pairs * 4)
    }

    /// Each sequence is refined for itself, whatever else is in the batch, and whatever the threads.
    @Test func aSequenceAloneIsAsInABatch() throws {
        let run = try EngineRun(Self.options(.online, at: EngineRun.level(4, 3)), upkeeping: Self.upkeeping(prior: 4))
        try run.step(1, [EngineRun.batch([1, 2, 3])])
        let pass = run.engine.evaluationPass(of: run.stage)
        func logits(_ samples: [UInt64]) -> [Float] {
            let batch = EngineRun.batch(samples)
            run.forward(batch, pass)
            return run.logits(batch)
        }
        let both = logits([8, 9]), alone = logits([9])
        let scale = both.map(abs).max() ?? 0
        #expect(zip(both.suffix(alone.count), alone).allSatisfy { abs($0 - $1) <= 1e-5 * scale })
    }

    /// Weights beyond all numbers give values that have no basis: the resident ones stay, and nothing is trapped.
    @Test func valuesThatAreNotFiniteChangeNoBasis() throws {
        let run = try EngineRun(Self.options(.online), upkeeping: Self.upkeeping(prior: 4))
        try run.step(1, [EngineRun.batch([1, 2])])
        for i in 0..<run.stage.parameters.values.count { run.stage.parameters.values[i] = .nan }
        let batch = EngineRun.batch([3])
        run.forward(batch, run.engine.evaluationPass(of: run.stage))
        let logits = run.logits(batch)
        #expect(logits.allSatisfy { $0.isNaN })
    }
}
