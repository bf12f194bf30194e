import Kernels
import LinearAlgebra
import LowRank
import Model
import Synchronization
import Testing

@Suite struct RankEngineTests {
    static let levels = [(2, 3), (4, 5), (8, 8)].map(EngineRun.level)
    static let random = RankOptions(mode: .random(), levels: levels, segment: 8)
    static let batch = EngineRun.batch([0, 1, 2, 3])

    private static func fixed(_ level: Level, segment: Int = 8) -> RankOptions {
        RankOptions(mode: .fixed([level]), levels: [level], segment: segment)
    }

    private struct Stop: Error {}

    @Test func beforeThereAreBasesAttentionIsFull() throws {
        let full = try EngineRun(RankOptions(mode: .full, levels: Self.levels, segment: 8))
        full.forward(Self.batch, step: 1)
        let expected = full.logits(Self.batch)
        let run = try EngineRun(Self.fixed(Self.levels[0]))
        // Bases come at the end of step 1, or of one that is due.
        for number in 5...8 {
            #expect(!run.engine.isReducing)
            run.forward(Self.batch, step: number)
            #expect(run.logits(Self.batch) == expected)
            #expect(run.engine.meanRanks == (8, 8))
            try run.engine.endStep(number, with: NoPeers())
        }
        #expect(run.engine.isReducing)
        run.forward(Self.batch, step: 9)
        #expect(run.logits(Self.batch) != expected)
        #expect(run.engine.meanRanks == (2, 3))
    }

    @Test func fullNeverReducesButKeepsBases() throws {
        let run = try EngineRun(RankOptions(mode: .full, levels: Self.levels, segment: 8))
        try run.step(1, [Self.batch])
        #expect(!run.engine.isReducing && run.engine.upkeep.decomposed == 2 * 2 * 2)
        #expect(run.entry("query_basis").contains { $0 != 0 })
        run.forward(Self.batch, step: 2)
        #expect(run.engine.meanRanks == (8, 8))
    }

    /// A basis of the model's own Grams changes nothing at level d:d.
    @Test func levelOfFullRankIsFullAttention() throws {
        let full = try EngineRun(RankOptions(mode: .full, levels: Self.levels, segment: 8))
        let run = try EngineRun(Self.fixed(EngineRun.level(8, 8)))
        for each in [full, run] {
            try each.step(1, [Self.batch])
            each.forward(Self.batch, step: 2)
        }
        let expected = full.logits(Self.batch), scale = expected.map(abs).max() ?? 0
        #expect(run.engine.isReducing)
        #expect(zip(run.logits(Self.batch), expected).allSatisfy { abs($0 - $1) <= 2e-5 * scale })
    }

    /// A new engine that takes up every entry runs and goes on to the last bit, from a state of its own before.
    @Test func entriesBringBackTheEngine() throws {
        func batch(_ step: Int) -> MicroBatch { EngineRun.batch((0..<4).map { UInt64(4 * step + $0) }, tokens: UInt64(step)) }
        let run = try EngineRun(Self.random)
        for step in 1...6 { try run.step(step, [batch(step)]) }
        let other = try EngineRun(Self.random)
        try other.step(1, [EngineRun.batch([90, 91], tokens: 50)])
        for (entry, theirs) in zip(run.engine.entries, other.engine.entries) {
            // No backward pass has summed gradients of outputs.
            let isEmpty = entry.path.contains("output_gram")
            #expect(entry.doubles.count == entry.count && entry.doubles.contains { $0 != 0 } != isEmpty, "\(entry.path)")
            Buffer(entry.doubles).copy(to: theirs.pieces)
        }
        other.engine.adopt()
        for step in 7...9 {
            for each in [run, other] { try each.step(step, [batch(step)]) }
            #expect(run.logits(batch(step)) == other.logits(batch(step)), "step \(step)")
            #expect(run.engine.meanRanks == other.engine.meanRanks)
            for (entry, theirs) in zip(run.engine.entries, other.engine.entries) {
                #expect(entry.doubles == theirs.doubles, "\(entry.path), step \(step)")
            }
        }
    }

    /// A fresh engine's entries are empty, and one's are no other's.
    @Test func enginesStartWithoutBases() throws {
        let run = try EngineRun(Self.random), other = try EngineRun(Self.random)
        #expect(run.entry("gram").allSatisfy { $0 == 0 } && run.entry("query_basis").allSatisfy { $0 == 0 })
        for piece in run.engine.pieces("gram", layer: 1) { piece.fill(7) }
        #expect(run.entry("gram", layer: 1).allSatisfy { $0 == 7 } && run.entry("gram").allSatisfy { $0 == 0 })
        #expect(other.entry("gram", layer: 1).allSatisfy { $0 == 0 })
    }

    /// An engine on the bases of another attends as that one does.
    @Test func enginesShareResidentBases() throws {
        let run = try EngineRun(Self.random)
        run.plantFlat()
        let bases = ResidentBases(run.configuration, layers: 0..<2)
        #expect(!bases.areMade)
        for (entry, own) in zip(run.engine.entries, bases.entries) { Buffer(entry.doubles).copy(to: own.pieces) }
        let other = try RankEngine(
            run.configuration, layers: 0..<2, options: Self.random, seed: 5, team: run.team, resident: bases, now: { 0 })
        #expect(bases.areMade && other.isReducing)
        run.forward(Self.batch, run.engine.evaluationPass(of: run.stage))
        let expected = run.logits(Self.batch)
        run.forward(Self.batch, other.evaluationPass(of: run.stage))
        #expect(run.logits(Self.batch) == expected)
    }

    /// Every stage lists the entries of all layers, and holds those of its own.
    @Test func stagesHoldTheirLayersAlone() throws {
        let whole = try EngineRun(Self.random)
        for layer in 0..<2 {
            let own = try EngineRun(Self.random, layer: layer)
            #expect(own.engine.entries.map(\.path) == whole.engine.entries.map(\.path))
            #expect(own.engine.entries.map(\.shape) == whole.engine.entries.map(\.shape))
            for entry in own.engine.entries { #expect(entry.isHeld == entry.path.hasPrefix("/lowrank/layer_\(layer)/")) }
        }
    }

    private static func gathered(_ run: EngineRun, _ step: Int, _ batches: [MicroBatch]) throws -> [Double] {
        var all: [Double] = []
        try run.step(step, batches) { all = $0.array }
        return all
    }

    /// What was gathered, of two layers of two heads of width 8.
    private static func grams(_ gathered: [Double]) -> GramSet {
        GramSet(Buffer(gathered), layers: 2, heads: 2, headWidth: 8)
    }

    /// Relative to the largest.
    private static func difference(_ a: [Double], _ b: [Double]) -> Double {
        if a.count != b.count { return .infinity }
        return zip(a, b).map { abs($0 - $1) }.max()! / b.map(abs).max()!
    }

    @Test(arguments: [1, 3, 16]) func gramsDoNotDependOnMicroBatches(every: Int) throws {
        var upkeeping = RankEngine.UpkeepOptions()
        upkeeping.sampleEvery = every
        func gathered(_ parts: [[UInt64]], step: Int) throws -> [Double] {
            let run = try EngineRun(Self.random, upkeeping: upkeeping)
            return try Self.gathered(run, step, parts.map { EngineRun.batch($0) })
        }
        for step in [1, 6] {
            let whole = try gathered([[4, 5, 6, 7]], step: step)
            let rows = Double((32 - step % min(every, 32) + every - 1) / every)
            #expect(Self.grams(whole).weights.array == [4 * rows, 4 * rows], "tokens of each layer")
            for parts in [[[4, 5], [6, 7]], [[4], [5], [6], [7]], [[4, 5, 6], [7]]] as [[[UInt64]]] {
                #expect(Self.difference(try gathered(parts, step: step), whole) < 1e-6, "\(parts)")
            }
        }
    }

    /// Steps in a row look at other positions, so that none is left out.
    @Test func stepsTakeTurnsAtPositions() throws {
        var upkeeping = RankEngine.UpkeepOptions()
        upkeeping.sampleEvery = 4
        upkeeping.trackEvery = 100
        let all = try Self.gathered(try EngineRun(Self.random), 2, [Self.batch])
        let run = try EngineRun(Self.random, upkeeping: upkeeping)
        var sum = Array(repeating: 0.0, count: all.count)
        for step in 2...5 {
            let part = try Self.gathered(run, step, [Self.batch])
            sum = zip(sum, part).map { $0 + $1 }
            #expect(Self.difference(part, all) > 0.1)
        }
        #expect(Self.difference(sum, all) < 1e-6)
    }

    @Test func sumIsCalledOnceAStepWithWhatWasGathered() throws {
        var upkeeping = EngineRun.everyRow
        upkeeping.decay = 0.5
        let alone = try EngineRun(Self.random, upkeeping: upkeeping)
        let pair = try EngineRun(Self.random, upkeeping: upkeeping)
        var calls = 0, seen: [[Double]] = []
        for step in 1...3 {
            // No pass in step 2: nothing left of step 1 may come back.
            try alone.step(step, step == 2 ? [] : [Self.batch]) {
                calls += 1
                seen.append($0.array)
            }
            #expect(calls == step)
        }
        #expect(seen[0].contains { $0 != 0 } && seen[1].allSatisfy { $0 == 0 })
        for layer in 0..<2 {
            func sums(_ step: Int) -> [Double] {
                (0..<2).map { Self.grams(seen[step]).head(layer: layer, head: $0) }
                    .flatMap { [$0.query, $0.key, $0.value] }.flatMap(\.values.array)
            }
            #expect(alone.entry("gram", layer: layer) == zip(sums(0), sums(2)).map { 0.25 * $0 + $1 })
            #expect(alone.entry("gram_weight", layer: layer) == [0.25 * 128 + 128])
        }
        // What another replica adds is in the Grams: half of the batch here, half there.
        let halves = [[0, 1], [2, 3]].map { EngineRun.batch($0) }
        let other = try EngineRun(Self.random, upkeeping: upkeeping)
        let theirs = try Self.gathered(other, 1, [halves[1]])
        try pair.step(1, [halves[0]]) { own in for i in 0..<own.count { own[i] += theirs[i] } }
        let whole = try EngineRun(Self.random, upkeeping: upkeeping)
        try whole.step(1, [Self.batch])
        for name in ["gram", "gram_weight"] {
            #expect(Self.difference(pair.entry(name, layer: 1), whole.entry(name, layer: 1)) < 1e-6)
        }
        #expect(Self.difference(pair.entry("score_energy"), whole.entry("score_energy")) < 1e-5)
    }

    @Test func evaluationGathersNothing() throws {
        let run = try EngineRun(Self.random)
        run.forward(Self.batch, run.engine.evaluationPass(of: run.stage))
        #expect(try Self.gathered(run, 1, []).allSatisfy { $0 == 0 })
    }

    @Test func whatSumThrowsIsPassedOn() throws {
        let run = try EngineRun(Self.random)
        #expect(throws: Stop.self) { try run.step(1, [Self.batch]) { _ in throw Stop() } }
        #expect(!run.engine.isReducing)
    }

    /// Each of two replicas looks at half of the bases; both end with all, those of one that had the Grams of both.
    @Test func replicasShareTheBases() throws {
        let names = ["query_basis", "key_basis", "value_basis", "score_energy", "value_energy"]
        @Sendable func outcome(_ run: EngineRun) -> [[Double]] {
            (0..<2).flatMap { layer in names.map { run.entry($0, layer: layer) } }
        }
        let alone = try EngineRun(Self.random)
        for step in [1, 8] { try alone.step(step, [Self.batch]) { values in
            for i in 0..<values.count { values[i] *= 2 }
        } }
        let outcomes = Mutex([Int: [[Double]]]()), decomposed = Mutex([Int]())
        ThreadSum.run(2) { rank in
            guard let run = try? EngineRun(Self.random) else { return }
            for step in [1, 8] {
                run.forward(Self.batch, step: step)
                guard (try? run.engine.endStep(step, with: rank)) != nil else { return }
                if step == 1 { decomposed.withLock { $0.append(run.engine.upkeep.decomposed) } }
            }
            outcomes.withLock { $0[rank.replica] = outcome(run) }
        }
        let found = outcomes.withLock { $0 }
        #expect(found[0] == outcome(alone) && found[1] == found[0])
        #expect(decomposed.withLock { $0 } == [4, 4], "score and value bases of two layers and heads")
    }

    @Test func aGramThatIsNotFiniteIsNamed() throws {
        let run = try EngineRun(Self.random)
        #expect(throws: LAPACKError.self) { try run.step(1, [Self.batch]) { $0[0] = .nan } }
    }

    /// One head of width 2, two sequences of 4 tokens of which every second is taken.
    @Test func upkeepIsCountedAsExecuted() throws {
        var upkeeping = RankEngine.UpkeepOptions()
        upkeeping.sampleEvery = 2
        let run = try EngineRun(
            Self.fixed(EngineRun.level(1, 2), segment: 4), of: 1, rows: 8, upkeeping: upkeeping, heads: 1, headWidth: 2)
        let batch = EngineRun.batch([1, 2], length: 4)
        run.forward(batch, step: 1)
        // 2 rows of x [2] times [2, 6]; three lower triangles of 3 elements.
        let observed = 2 * (2 * 2 * 2 * 6 + 3 * 2 * 2 * 3)
        #expect(run.team.flops[.upkeep] == observed)
        try run.engine.endStep(1, with: NoPeers())
        // Cholesky 5, two products of 16, eigenvectors 72, a product and a solve of 8; eigenvectors of the values.
        let decomposed = (5 + 2 * 16 + 72 + 16 + 8) + 72
        #expect(run.team.flops[.upkeep] == observed + decomposed)
        #expect(run.engine.upkeep.decomposed == 2 && run.engine.upkeep.decompositionFLOPs == decomposed)
        #expect(run.engine.upkeep.checkFLOPs + run.engine.upkeep.iterationFLOPs == 0)
        run.team.flops.reset()
        run.forward(batch, run.engine.evaluationPass(of: run.stage))
        // Folding alone: Wq and bq, Wk and bk at rank 1, Wv and bv at 2, Wo at 2.
        #expect(run.team.flops[.upkeep] == 2 * (2 * (2 * 1 * 2 + 1 * 1 * 2) + (2 * 2 * 2 + 1 * 2 * 2) + 2 * 2 * 2))
        run.team.flops.reset()
        // A step without a pass, at which bases are not due, costs nothing.
        try run.engine.endStep(2, with: NoPeers())
        #expect(run.team.flops[.upkeep] == 0)
    }

    @Test(arguments: [
        (RankOptions(mode: .random(), levels: [], segment: 8), "no levels"),
        (RankOptions(mode: .random(), levels: [levels[1], levels[0]], segment: 8), "2:3 after 4:5 is not nested"),
        (RankOptions(mode: .energy(0.9), levels: [EngineRun.level(4, 9)], segment: 8), "value rank 9"),
        (RankOptions(mode: .full, levels: [EngineRun.level(9, 4)], segment: 8), "score rank 9"),
        (RankOptions(mode: .fixed([levels[0], levels[0], levels[0], levels[0], levels[0]]), levels: levels, segment: 8), "5 fixed levels for"),
        (RankOptions(mode: .random([[1]]), levels: levels, segment: 8), "a histogram needs"),
        (RankOptions(mode: .random(), levels: levels, segment: 0), "segment is 0"),
    ] as [(RankOptions, String)])
    func optionsThatCannotBeAreNamed(options: RankOptions, part: String) {
        let error = #expect(throws: LevelError.self) { _ = try EngineRun(options) }
        #expect(error?.description.contains(part) == true && error?.description.contains("\n") == false, "\(error as Any)")
    }
}
