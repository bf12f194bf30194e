import Kernels
import LowRank
import Model
import Testing

/// Levels by what they were found to lose: `allocated` by layer and segment, `forecast` by token.
@Suite struct CalibratedLevelsTests {
    private static let list = [(1, 2), (2, 4), (4, 8), (8, 8)].map(EngineRun.level)
    private static let exact = ExactTokens(recent: 0, first: 1)

    /// Of so short a context a forecast is nearly all that a full layer's scores and values are: budgets are above 1.
    ///
    /// Two layers, of which the second loses ten times as much; a network whose forecasts heed the input.
    private static func losses() throws -> CalibratedLosses {
        let levels = try LevelLosses(levels: list, nats: [[0.3, 0.1, 0.02, 0], [3, 1, 0.2, 0]])
        let forecast = LossForecast(layers: 2, width: EngineRun.heads * EngineRun.headWidth, levels: list.count)
        for (i, layer) in forecast.layers.enumerated() {
            Philox(key: UInt64(i)).fillNormal(layer.arena.values, deviation: 0.4)
            Philox(key: UInt64(7 + i)).fillNormal(layer.sampled, deviation: 1)
        }
        return CalibratedLosses(levels: levels, forecast: forecast)
    }

    private static func run(_ mode: some AttentionMode) throws -> EngineRun {
        let options = RankOptions(mode: mode, levels: list, segment: 8, exact: exact)
        let run = try EngineRun(options, upkeeping: EngineRun.everyRow)
        try run.step(1, [EngineRun.batch([10, 11], tokens: 1)])
        run.engine.calibrated = try losses()
        try run.engine.requireLevels(length: EngineRun.context)
        return run
    }

    /// With a budget of which as much is left beside forecasts, of which there are fewer, at every grain.
    private static func policy(grain: Int) -> TokenPolicy { TokenPolicy(within: 0.75 + 0.95 / Double(grain), grain: grain) }

    private static func levels(_ run: EngineRun, _ batch: MicroBatch) -> [SegmentLevels] {
        run.forward(batch, run.engine.evaluationPass(of: run.stage))
        return run.levels.compactMap(\.self)
    }

    /// Later segments, whose levels cost more, have lower ones, and the layer that loses more has higher ones.
    @Test func allocatedLevelsFallAlongASequence() throws {
        let run = try Self.run(AllocatedLevelsByLayer(within: 0.8)), batch = EngineRun.batch([6, 7], tokens: 9)
        let found = Self.levels(run, batch)
        for layer in found {
            let ranks = (0..<4).map { layer[sequence: 1, row: 8 * $0].scoreRank + layer[sequence: 1, row: 8 * $0].valueRank }
            #expect(ranks == ranks.sorted(by: >), "\(ranks)")
            #expect((0..<32).allSatisfy { layer[sequence: 0, row: $0] == layer[sequence: 1, row: $0] })
        }
        #expect(found[0] != found[1])
        // It keeps its budget, and no level everywhere within it is forecast to lose less.
        let known = try Self.losses().levels
        func flops(_ level: (_ layer: Int, _ segment: Int) -> Level) -> Double {
            (0..<8).reduce(0.0) { total, i in
                let own = level(i / 4, i % 4)
                return total + Double(run.configuration.segmentFLOPs(
                    level: own, largest: own, segment: i % 4, segmentLength: 8, length: 32, exact: Self.exact))
            }
        }
        let budget = 2 * run.configuration.budgetFLOPs(share: 0.8, length: 32)
        #expect(flops { found[$0][sequence: 0, row: 8 * $1] } <= budget)
        func loss(_ level: (_ layer: Int, _ segment: Int) -> Level) -> Double {
            (0..<8).reduce(0) { $0 + known.nats[$1 / 4][Self.list.firstIndex(of: level($1 / 4, $1 % 4)) ?? 0] }
        }
        for level in Self.list where flops({ _, _ in level }) <= budget {
            #expect(loss { found[$0][sequence: 0, row: 8 * $1] } <= loss { _, _ in level })
        }
    }

    /// Each segment of a sample has the levels of `allocated`, each layer's once, whoever runs beside it.
    @Test func shuffledLevelsAreThoseAllocated() throws {
        let run = try Self.run(ShuffledLevels(within: 0.8)), samples = (0..<40).map { UInt64($0) << 20 }
        let allocated = Self.levels(try Self.run(AllocatedLevelsByLayer(within: 0.8)), EngineRun.batch([6], tokens: 9))
        func pairs(_ found: [SegmentLevels], sequence: Int) -> [[Level]] {
            (0..<4).map { segment in found.map { $0[sequence: sequence, row: 8 * segment] } }
        }
        let own = pairs(allocated, sequence: 0)
        var exchanged = 0, segments = 0
        for two in stride(from: 0, to: samples.count, by: 2) {
            let found = Self.levels(run, EngineRun.batch([samples[two], samples[two + 1]], tokens: 9))
            for sequence in 0..<2 {
                for (levels, allocated) in zip(pairs(found, sequence: sequence), own) where allocated[0] != allocated[1] {
                    #expect(levels == allocated || levels == allocated.reversed())
                    segments += 1
                    if levels != allocated { exchanged += 1 }
                }
            }
            let alone = Self.levels(run, EngineRun.batch([samples[two + 1]], tokens: 9))
            #expect(pairs(alone, sequence: 0) == pairs(found, sequence: 1))
        }
        #expect(segments >= 40 && exchanged > segments / 4 && exchanged < 3 * segments / 4, "\(exchanged) of \(segments)")
    }

    /// A token's level is a function of its own input, or of that of the first token that shares it; changing token t moves no
    /// logit and no level before it.
    @Test(arguments: [nil, 1, 4, 8]) func laterTokensDoNotMatter(grainOfPolicy: Int?) throws {
        let run = try grainOfPolicy.map { try Self.run(Self.policy(grain: $0)) } ?? Self.run(ForecastLevels(within: 1.7))
        let batch = EngineRun.batch([6, 1 << 33], tokens: 9), grain = grainOfPolicy ?? 1
        let V = EngineRun.vocabulary, L = batch.length
        func result(_ batch: MicroBatch) -> (logits: [Float], levels: [SegmentLevels]) {
            (batch, Self.levels(run, batch)).1.isEmpty ? ([], []) : (run.logits(batch), run.levels.compactMap(\.self))
        }
        let base = result(batch)
        #expect(base.levels.allSatisfy { $0.grain == grain && Set($0.levels).count > 1 })
        var moved = 0
        for t in 0..<L {
            let tokens = Buffer(batch.tokens.array)
            tokens[L + t] = (tokens[L + t] + 1) % Int32(V)
            let after = result(MicroBatch(
                sequences: 2, length: L, tokens: tokens, targets: batch.targets, samples: batch.samples))
            #expect(base.logits[..<((L + t) * V)] == after.logits[..<((L + t) * V)], "token \(t)")
            for (before, now) in zip(base.levels, after.levels) {
                let decided = (L + t - 1) / grain + 1
                #expect(before.levels[..<decided] == now.levels[..<decided], "token \(t)")
                if before != now { moved += 1 }
            }
        }
        #expect(moved > 0, "levels depend on tokens")
    }

    /// The price keeps the budget on the samples that it was found by, and higher budgets have lower prices.
    @Test(arguments: [1.6, 1.7, 1.8, 2]) func pricesKeepTheBudget(share: Double) throws {
        let run = try Self.run(ForecastLevels(within: share)), known = try Self.losses()
        guard let forecast = known.forecast else { return }
        let prices = LevelPrices(known.levels, forecast, share: share, run.configuration, run.engine.options, length: 32)
        let costs = known.levels.segmentCosts(run.configuration, run.engine.options, length: 32), K = Self.list.count
        var executed = 0.0
        for layer in 0..<2 {
            for sample in 0..<LossForecast.samples {
                let factors = Buffer((0..<K).map { LossForecast.factor(forecast.layers[layer].sampled[sample * K + $0]) })
                for segment in 0..<4 {
                    executed += costs[segment][prices.cheapest(known.levels.nats[layer], factors, segment: segment)]
                }
            }
        }
        executed /= Double(LossForecast.samples * 2)
        let own = share - run.configuration.share(ofForecast: forecast, length: 32)
        let budget = run.configuration.budgetFLOPs(share: own, length: 32)
        let dearest = costs.reduce(0) { $0 + ($1.max() ?? 0) }
        #expect(executed <= budget * (1 + 1e-9))
        #expect(executed > 0.98 * min(budget, dearest), "\(executed) of \(budget)")
    }

    /// What the trace counts is what the kernels executed.
    @Test(arguments: [1, 4]) func tracesCountWhatIsExecuted(grain: Int) throws {
        let run = try Self.run(Self.policy(grain: grain)), batch = EngineRun.batch([6, 7], tokens: 9)
        let pass = run.engine.evaluationPass(of: run.stage)
        run.stage.fold(pass)
        run.team.flops.reset()
        run.stage.forward(batch, run.stage.makeActivations(), lowRank: pass)
        let counted = [FlopKind.projections, .scores, .values].reduce(0) { $0 + run.team.flops[$1] }
        let sums = run.engine.traceSums
        var traced = 0.0
        for layer in 0..<2 { for segment in 0..<4 { traced += sums[layer, segment, .flops] } }
        #expect(Double(counted) == traced)
        #expect(run.team.flops[.policy] == 2 * batch.rows / grain * (run.engine.calibrated?.forecast?.flops ?? 0))
        let mean = run.engine.meanRanks
        #expect(mean.score > 1 && mean.score < 8 && mean.value > 2 && mean.value < 8)
    }

    @Test func whatIsNotKnownIsRefused() throws {
        func refusal(_ mode: some AttentionMode, _ known: CalibratedLosses?, exact: ExactTokens? = Self.exact) throws -> String {
            let run = try EngineRun(RankOptions(mode: mode, levels: Self.list, segment: 8, exact: exact))
            run.engine.calibrated = known
            do {
                try run.engine.requireLevels(length: 32)
                return ""
            } catch { return "\(error)" }
        }
        let known = try Self.losses()
        let short = try CalibratedLosses(levels: LevelLosses(levels: Self.list, nats: [[1, 1, 1, 0]]), forecast: nil)
        #expect(try refusal(ForecastLevels(within: 0.8), nil).contains("drrl calibrate"))
        #expect(try refusal(ForecastLevels(within: 0.8), known, exact: nil).contains("far keys"))
        #expect(try refusal(ForecastLevels(within: 0.8), CalibratedLosses(levels: known.levels, forecast: nil)).contains("calibrate it again"))
        #expect(try refusal(ForecastLevels(within: 0.05), known).contains("cannot be kept"))
        #expect(try refusal(AllocatedLevelsByLayer(within: 0.8), short).contains("the model has 2"))
    }
}
