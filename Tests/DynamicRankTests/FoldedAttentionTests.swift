import DynamicRank
import Kernels
import Testing

@Suite struct FoldedAttentionTests {
    static let heads = 2, d = 16, D = 32, rows = 96
    let team = Team(threads: 2)

    private func normal(_ count: Int, seed: UInt64, deviation: Float) -> Buffer<Float> {
        let values = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(values, deviation: deviation)
        return values
    }

    private func project(_ x: Buffer<Float>, _ weight: Buffer<Float>, _ bias: Buffer<Float>) -> DenseMatrix {
        let rows = x.count / Self.D, columns = bias.count
        let y = Buffer<Float>(uninitialized: rows * columns)
        for i in 0..<rows { y[(i * columns)..<((i + 1) * columns)].copy(from: bias) }
        team.gemm(Matrix(x, rows: rows, columns: Self.D), Matrix(weight, rows: Self.D, columns: columns),
            into: Matrix(y, rows: rows, columns: columns), beta: 1)
        return DenseMatrix(Buffer(y.array.map(Double.init)), rows: rows, columns: columns)
    }

    private func part(_ m: DenseMatrix, _ first: Int, _ count: Int) -> DenseMatrix {
        m.columns(Array(first..<(first + count)))
    }

    /// Scores, outputs and their projection from folded weights, against the unfolded ones turned afterwards.
    @Test(arguments: [(16, 16, false), (16, 16, true), (4, 8, false), (5, 16, true), (1, 1, false)])
    func foldedEqualsUnfolded(score s: Int, value v: Int, deficient: Bool) throws {
        let D = Self.D, d = Self.d, H = Self.heads
        let weight = normal(3 * D * D, seed: 1, deviation: 0.2), bias = normal(3 * D, seed: 2, deviation: 0.3)
        let proj = normal(D * D, seed: 3, deviation: 0.2), x = normal(Self.rows * D, seed: 4, deviation: 1)
        if deficient {
            // Queries and keys of the basis's data stay within a few dimensions; scores are asked of all.
            for i in (9 * D)..<x.count { x[i] = x[i % (9 * D)] }
        }
        let qkv = project(x, weight, bias), flat = Buffer(qkv.values.array.map { Float($0) })
        let grams = GramSet(layers: 1, heads: H, headWidth: d)
        grams.accumulate(flat, rows: Self.rows, layer: 0, on: team)
        let bases = BasisSet(layers: 1, heads: H, headWidth: d)
        let tracker = BasisTracker(levels: try LevelList(parsing: "\(s):\(v)", headWidth: d))
        _ = try tracker.update(bases, to: grams, on: team) { 0 }
        let folded = FoldedAttention(attention: weight, attentionBias: bias, projection: proj, bases: bases.layer(0),
            level: Level(scoreRank: s, valueRank: v), on: team)
        #expect(folded.bias.count == folded.columns && folded.weight.count == D * folded.columns)

        let fresh = normal(40 * D, seed: 9, deviation: 1)
        let plain = project(fresh, weight, bias), turned = project(fresh, folded.weight, folded.bias)
        for (h, basis) in bases.layer(0).enumerated() {
            let q = part(plain, h * d, d), k = part(plain, D + h * d, d), values = part(plain, 2 * D + h * d, d)
            let expected = DenseMatrix.product(
                .product(q, basis.query.leadingColumns(s)), .product(k, basis.key.leadingColumns(s)), transposeB: true)
            let scores = DenseMatrix.product(
                part(turned, h * s, s), part(turned, H * s + h * s, s), transposeB: true)
            let scale = q.frobeniusNorm * k.frobeniusNorm
            #expect((scores - expected).frobeniusNorm <= 2e-5 * scale, "head \(h)")
            if s == d {
                #expect((scores - .product(q, k, transposeB: true)).frobeniusNorm <= 2e-5 * scale, "full rank, head \(h)")
            }
            let p = basis.value.leadingColumns(v)
            let w = DenseMatrix(Buffer(proj[(h * d * D)..<((h + 1) * d * D)].array.map(Double.init)), rows: d, columns: D)
            let lift = DenseMatrix(
                Buffer(folded.projection[(h * v * D)..<((h + 1) * v * D)].array.map(Double.init)), rows: v, columns: D)
            let want = DenseMatrix.product(.product(.product(values, p), p, transposeB: true), w)
            let got = DenseMatrix.product(part(turned, 2 * H * s + h * v, v), lift)
            #expect((got - want).frobeniusNorm <= 1e-6 * values.frobeniusNorm * w.frobeniusNorm, "head \(h)")
        }
    }

    /// One fold serves every rank: lower levels are its leading columns.
    @Test func lowerLevelsAreLeadingColumns() throws {
        let D = Self.D, d = Self.d, H = Self.heads
        let weight = normal(3 * D * D, seed: 1, deviation: 0.2), bias = normal(3 * D, seed: 2, deviation: 0.3)
        let proj = normal(D * D, seed: 3, deviation: 0.2)
        var sample = SampleMatrices(seed: 8)
        let bases = try (0..<H).map { _ in
            let grams = try (0..<3).flatMap { _ in gram(try sample.rows(40, d, .illConditioned)).values.array }
            return try HeadBasis(HeadGram(Buffer(grams), headWidth: d))
        }
        let whole = FoldedAttention(attention: weight, attentionBias: bias, projection: proj, bases: bases, on: team)
        let low = FoldedAttention(attention: weight, attentionBias: bias, projection: proj, bases: bases,
            level: Level(scoreRank: 3, valueRank: 7), on: team)
        #expect(whole.columns == 3 * D)
        for h in 0..<H {
            for c in 0..<3 {
                #expect(abs(low.bias[h * 3 + c] - whole.bias[h * d + c]) <= 1e-6)
                for i in 0..<D {
                    let short = low.weight[i * low.columns + H * 3 + h * 3 + c]
                    let long = whole.weight[i * 3 * D + D + h * d + c]
                    #expect(abs(short - long) <= 1e-6 * max(abs(long), 1))
                }
            }
        }
    }
}
