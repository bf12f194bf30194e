import Foundation
import Kernels
import LinearAlgebra
import LowRank
import Model
import Testing

@Suite struct RewardMeterTests {
    private static let L = 23, H = 2, d = 6, D = 12
    private static let rows = [0, 4, 11, 22]
    private static let levels = [(1, 2), (1, 5), (3, 4), (6, 6)].map(EngineRun.level)

    private static func normal(_ count: Int, _ seed: UInt64, _ deviation: Float) -> Buffer<Float> {
        let x = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(x, deviation: deviation)
        return x
    }

    private static let x = normal(L * D, 1, 1)
    private static let weight = normal(D * 3 * D, 2, 0.4), bias = normal(3 * D, 3, 0.3)

    /// Rows of queries (0), keys (1) or values (2) of a head, in float64.
    private static func projected(_ part: Int, _ h: Int) -> [[Double]] {
        (0..<L).map { row in
            (0..<d).map { j in
                let column = part * D + h * d + j
                return (0..<D).reduce(Double(bias[column])) {
                    $0 + Double(x[row * D + $1]) * Double(weight[$1 * 3 * D + column])
                }
            }
        }
    }

    /// The heads' bases, from the Grams of this very sequence.
    private static func bases() throws -> [HeadBasis] {
        try (0..<H).map { h in
            let gram = HeadGram(Buffer(count: HeadGram.count(headWidth: d), repeating: 0), headWidth: d)
            for (part, matrix) in [gram.query, gram.key, gram.value].enumerated() {
                for row in projected(part, h) {
                    for i in 0..<d { for j in 0..<d { matrix[i, j] += row[i] * row[j] } }
                }
            }
            return try HeadBasis(gram)
        }
    }

    /// A head's output at `row`, attention running at `level` in the bases, or in full.
    private static func output(_ row: Int, _ h: Int, _ basis: HeadBasis, _ level: Level?) -> [Double] {
        func turned(_ v: [Double], _ b: DenseMatrix, _ rank: Int) -> [Double] {
            (0..<rank).map { j in (0..<d).reduce(0) { $0 + v[$1] * b[$1, j] } }
        }
        let q = projected(0, h), k = projected(1, h), v = projected(2, h)
        let scores = (0...row).map { j -> Double in
            let (a, b) = level.map {
                (turned(q[row], basis.query, $0.scoreRank), turned(k[j], basis.key, $0.scoreRank))
            } ?? (q[row], k[j])
            return zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / Double(d).squareRoot()
        }
        let largest = scores.max() ?? 0, weights = scores.map { exp($0 - largest) }, total = weights.reduce(0, +)
        let mixed = (0..<d).map { j in (0...row).reduce(0) { $0 + weights[$1] / total * v[$1][j] } }
        guard let level else { return mixed }
        let kept = turned(mixed, basis.value, level.valueRank)
        return (0..<d).map { i in kept.indices.reduce(0) { $0 + kept[$1] * basis.value[i, $1] } }
    }

    @Test(arguments: [1, 2]) func cosinesAreThoseOfTheOutputs(threads: Int) throws {
        let bases = try Self.bases()
        func floats(_ part: (HeadBasis) -> DenseMatrix) -> Buffer<Float> {
            Buffer(bases.flatMap { part($0).values.array.map { Float($0) } })
        }
        let team = Team(threads: threads)
        let meter = RewardMeter(
            AttentionShape(heads: Self.H, headWidth: Self.d), width: Self.D,
            basis: AttentionBasis(query: floats(\.query), key: floats(\.key), value: floats(\.value), headWidth: Self.d),
            team: team)
        let sequence = RewardMeter.Sequence(
            x: Matrix(Self.x, rows: Self.L, columns: Self.D),
            map: Linear(
                weight: Matrix(Self.weight, rows: Self.D, columns: 3 * Self.D), bias: Self.bias,
                weightGradient: Matrix(
                    Buffer(count: Self.weight.count, repeating: 0), rows: Self.D, columns: 3 * Self.D),
                biasGradient: Buffer(count: 3 * Self.D, repeating: 0), kind: .projections))
        let cosines = meter.cosines(sequence, Self.rows.map { RewardMeter.Trial(row: $0, .tried(Self.levels)) })
        for (i, row) in Self.rows.enumerated() {
            let full = (0..<Self.H).flatMap { Self.output(row, $0, bases[$0], nil) }
            for (k, level) in Self.levels.enumerated() {
                let own = (0..<Self.H).flatMap { Self.output(row, $0, bases[$0], level) }
                func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
                let expected = dot(full, own) / (dot(full, full) * dot(own, own)).squareRoot()
                #expect(abs(cosines[i][k] - expected) < 2e-5, "row \(row), level \(level): \(cosines[i][k]), \(expected)")
            }
            #expect(cosines[i][3] > 1 - 1e-6, "all ranks are full attention")
        }
        #expect(cosines.flatMap { $0 }.contains { $0 < 0.95 }, "some levels lose something")
        // Rows, variants (full and ranks 1, 3, 6) and heads: 32 rows of scores and of mixtures over the 5 positions that the
        // first two rows see, 16 over the 18 that the others see besides.
        let n = 4, m = 4 * Self.H * n, (D, d) = (Self.D, Self.d)
        let ranks = 1 + 3 + 6
        let queries = n * D * D + Self.H * n * (4 * d * D + 2 * ranks * d), outputs = m * (D * d + d * d)
        #expect(team.flops[.policy] == 2 * (queries + 2 * D * (m * 5 + m / 2 * 18) + outputs))
        // What is tried at one row does not matter at another.
        let mixed = meter.cosines(
            sequence, Self.rows.indices.map { RewardMeter.Trial(row: Self.rows[$0], .tried([Self.levels[$0]])) })
        for i in Self.rows.indices { #expect(abs(mixed[i][0] - cosines[i][i]) < 1e-6) }
        // Nor is a row's pairing with the next.
        let odd = meter.cosines(sequence, Self.rows.dropFirst().map { RewardMeter.Trial(row: $0, .tried(Self.levels)) })
        for (own, expected) in zip(odd, cosines.dropFirst()) {
            #expect(zip(own, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        }
        // What attention gave at a level serves as well as trying it, whatever is asked of other rows.
        let given = meter.cosines(
            sequence, Self.rows.indices.map { i in
                let (row, level) = (Self.rows[i], Self.levels[i])
                guard i != 1 else { return RewardMeter.Trial(row: row, .tried([level])) }
                return RewardMeter.Trial(row: row, .given((0..<Self.H).map { h in
                    let output = Self.output(row, h, bases[h], level)
                    return Buffer((0..<level.valueRank).map { j in
                        Float((0..<Self.d).reduce(0) { $0 + output[$1] * bases[h].value[$1, j] })
                    })
                }, at: level))
            })
        for i in Self.rows.indices { #expect(abs(given[i][0] - cosines[i][i]) < 2e-5) }
    }
}
