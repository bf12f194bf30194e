import Kernels
import LinearAlgebra
import LowRank
import Model
import TestSupport
import Testing

@Suite struct BasisTrackerTests {
    static let d = 16, ranks = [2, 4, 8, 16]
    static let levels = try! LevelList(ranks.map { Level(scoreRank: $0, valueRank: $0) }, headWidth: d)
    let team = Team(threads: 2)

    /// Grams that drift: each step adds a little of other rows to every part.
    private static func drift(
        _ kind: SampleMatrices.Kind, amount: Double, steps: Int, seed: UInt64, _ body: (HeadGram) throws -> Void
    ) throws {
        var sample = SampleMatrices(seed: seed)
        var rows = try (0..<3).map { _ in try sample.rows(64, d, kind) }
        for _ in 0..<steps {
            try body(HeadGram(Buffer(rows.flatMap { gram($0).values.array } + Array(repeating: 0, count: d * d + d)), headWidth: d))
            for i in 0..<3 {
                let noise = try sample.rows(64, d, kind), factor = amount * rows[i].frobeniusNorm / noise.frobeniusNorm
                rows[i] = rows[i].copy()
                for j in 0..<noise.values.count { rows[i].values[j] += factor * noise.values[j] }
            }
        }
    }

    /// What the head's bases leave out of Grams with the ridge added, beyond what the best leave out; relative.
    private static func shortfall(_ basis: HeadBasis, _ gram: HeadGram, ridge: Double) throws -> Double {
        func regular(_ g: DenseMatrix) -> DenseMatrix {
            let c = g.copy(), mean = g.diagonal.reduce(0, +) / Double(d)
            for i in 0..<d { c[i, i] += ridge * mean }
            return c
        }
        let gq = regular(gram.query), gk = regular(gram.key)
        let best = try ScoreBasis(queryGram: gram.query, keyGram: gram.key, ridge: ridge).spectrum
        let values = try ValueBasis(gram: gram.value).spectrum
        let hq = DenseMatrix.product(basis.query, .product(gq, basis.query), transposeA: true)
        let hk = DenseMatrix.product(basis.key, .product(gk, basis.key), transposeA: true)
        let hv = DenseMatrix.product(basis.value, .product(gram.value, basis.value), transposeA: true)
        return ranks.map { r in
            var score = 0.0, value = 0.0
            for i in r..<d {
                value += hv[i, i]
                for j in r..<d { score += hq[i, j] * hk[i, j] }
            }
            return max((score - best.tail(r)) / best.total, (value - values.tail(r)) / values.total)
        }.max() ?? 0
    }

    /// Whatever the tracker decides, no basis misses more than the tolerance, and the spectra it keeps are that near.
    @Test(arguments: SampleMatrices.Kind.allCases, [1, 4])
    func basesStayWithinTolerance(kind: SampleMatrices.Kind, iterations: Int) throws {
        var total = Upkeep()
        for (number, amount) in [1e-6, 1e-3, 0.01, 0.05, 0.3].enumerated() {
            for tolerance in [1e-5, 1e-3, 1e-2] {
                let options = TrackingOptions(tolerance: tolerance, iterations: iterations)
                let tracker = BasisTracker(levels: Self.levels.levels, options: options)
                let basis = BasisSet(layers: 1, heads: 1, headWidth: Self.d).head(layer: 0, head: 0)
                try Self.drift(kind, amount: amount, steps: 25, seed: UInt64(number)) { grams in
                    total = total + (try tracker.update(basis, to: grams) { 0 })
                    let shortfall = try Self.shortfall(basis, grams, ridge: options.ridge)
                    #expect(shortfall <= tolerance + 1e-9, "\(kind) \(amount)")
                    #expect(shortfall >= -1e-9, "no basis beats the best")
                    let best = try ScoreBasis(queryGram: grams.query, keyGram: grams.key, ridge: options.ridge).spectrum
                    for r in Self.ranks {
                        #expect(abs(best.energyRatio(r) - basis.scoreSpectrum.energyRatio(r)) <= 2 * tolerance + 1e-9)
                    }
                    let energies = basis.scoreSpectrum.energies
                    #expect(energies == energies.sorted(by: >))
                    let identity = DenseMatrix.product(basis.query, basis.key, transposeA: true)
                    #expect((identity - .identity(Self.d)).frobeniusNorm < 1e-7)
                    #expect((gram(basis.value) - .identity(Self.d)).frobeniusNorm < 1e-10)
                }
            }
        }
        #expect(total.kept + total.iterated + total.decomposed == 5 * 3 * 25 * 2)
        #expect(total.kept > 0 && total.decomposed > 0, "\(total)")
        if kind != .random { #expect(total.iterated > 0, "\(total)") }
        if iterations > 1 { #expect(total.iterations > total.iterated + total.decomposed, "several steps in a row") }
    }

    @Test func unchangedGramsLeaveBasesBitForBit() throws {
        let tracker = BasisTracker(levels: Self.levels.levels, options: TrackingOptions(tolerance: 1e-9))
        try Self.drift(.illConditioned, amount: 0, steps: 1, seed: 5) { grams in
            let bases = BasisSet(layers: 1, heads: 1, headWidth: Self.d), basis = bases.head(layer: 0, head: 0)
            #expect(basis.isEmpty)
            #expect(try tracker.update(basis, to: grams) { 0 }.decomposed == 2)
            let before = bases.values.array
            let again = try tracker.update(basis, to: grams) { 0 }
            #expect(again.kept == 2 && again.decompositionFLOPs == 0 && again.iterationFLOPs == 0)
            #expect(again.checkFLOPs == UpkeepFLOPs.scoreCheck(Self.d) + UpkeepFLOPs.valueCheck(Self.d))
            #expect(bases.values.array == before)
        }
    }

    @Test func threadsDoNotChangeTheResult() throws {
        var results: [[Double]] = []
        for threads in [1, 4] {
            let grams = GramSet(layers: 2, heads: 3, headWidth: 4), bases = BasisSet(layers: 2, heads: 3, headWidth: 4)
            let qkv = Buffer<Float>(uninitialized: 50 * 36)
            for layer in 0..<2 {
                Philox(key: UInt64(layer)).fillNormal(qkv, deviation: 1)
                grams.accumulate(qkv, rows: 50, layer: layer, on: team)
            }
            let tracker = BasisTracker(levels: try LevelList(parsing: "1:2,2:2", headWidth: 4).levels)
            let upkeep = try tracker.update(bases, to: grams, on: Team(threads: threads)) { 0 }
            #expect(upkeep.decomposed == 12)
            #expect(upkeep.decompositionFLOPs
                == 6 * (UpkeepFLOPs.scoreDecomposition(4) + UpkeepFLOPs.valueDecomposition(4)))
            results.append(bases.values.array)
        }
        #expect(results[0] == results[1])
    }

    @Test func aGramThatIsNotFiniteThrowsAndLeavesItsBasis() throws {
        let grams = GramSet(layers: 1, heads: 2, headWidth: 4), bases = BasisSet(layers: 1, heads: 2, headWidth: 4)
        let qkv = Buffer<Float>(uninitialized: 50 * 24)
        Philox(key: 1).fillNormal(qkv, deviation: 1)
        grams.accumulate(qkv, rows: 50, layer: 0, on: team)
        let tracker = BasisTracker(levels: try LevelList(parsing: "1:2", headWidth: 4).levels)
        _ = try tracker.update(bases, to: grams, on: team) { 0 }
        let before = bases.head(layer: 0, head: 1).query.values.array
        for part in [grams.head(layer: 0, head: 1).value, grams.head(layer: 0, head: 1).key] {
            let kept = part[0, 0]
            part[0, 0] = .nan
            #expect(throws: LAPACKError.self) { try tracker.update(bases, to: grams, on: team) { 0 } }
            #expect(bases.head(layer: 0, head: 1).query.values.array == before)
            part[0, 0] = kept
        }
    }

    @Test func secondsComeFromTheClockGiven() throws {
        let tracker = BasisTracker(levels: Self.levels.levels)
        try Self.drift(.random, amount: 0, steps: 1, seed: 1) { grams in
            var time = 10.0
            let basis = BasisSet(layers: 1, heads: 1, headWidth: Self.d).head(layer: 0, head: 0)
            let upkeep = try tracker.update(basis, to: grams) {
                time += 2
                return time
            }
            #expect(upkeep.seconds == 2)
        }
    }

    @Test func flopsAreThoseOfTheShapes() {
        #expect(UpkeepFLOPs.product(2, 3, 4) == 48)
        #expect(UpkeepFLOPs.gram(rows: 10, AttentionShape(heads: 2, headWidth: 3)) == 3 * 2 * 10 * 12)
        #expect(UpkeepFLOPs.qr(1) == 9 && UpkeepFLOPs.qr(2) == 40)
        #expect(UpkeepFLOPs.symmetricEigen(2) == 72 && UpkeepFLOPs.symmetricEigenvalues(3) == 36)
        #expect(UpkeepFLOPs.cholesky(1) == 1 && UpkeepFLOPs.cholesky(2) == 5)
    }
}
