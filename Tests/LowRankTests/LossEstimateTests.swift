import Foundation
import Kernels
import LinearAlgebra
import LowRank
import Model
import TestSupport
import Testing

@Suite struct LossEstimateTests {
    struct Shape: CustomTestStringConvertible {
        let heads, keyValueHeads, headWidth, sequences, length, segment: Int
        let exact: ExactTokens
        var testDescription: String {
            "H \(heads) G \(keyValueHeads) d \(headWidth) B \(sequences) L \(length) T \(segment) "
                + "exact \(exact.recent)+\(exact.first)"
        }
        var attention: AttentionShape {
            AttentionShape(heads: heads, keyValueHeads: keyValueHeads, headWidth: headWidth)
        }
    }

    /// GPT-2's heads and groups of two, three and all; lengths at and beyond a tile of 256 keys and 48 rows.
    static let shapes = [
        Shape(
            heads: 2, keyValueHeads: 2, headWidth: 8, sequences: 2, length: 47, segment: 8,
            exact: ExactTokens(recent: 0, first: 0)),
        Shape(
            heads: 6, keyValueHeads: 2, headWidth: 12, sequences: 3, length: 65, segment: 16,
            exact: ExactTokens(recent: 1, first: 4)),
        Shape(
            heads: 4, keyValueHeads: 1, headWidth: 6, sequences: 1, length: 300, segment: 32,
            exact: ExactTokens(recent: 1, first: 3)),
        Shape(
            heads: 2, keyValueHeads: 1, headWidth: 4, sequences: 2, length: 256, segment: 7,
            exact: ExactTokens(recent: 0, first: 20)),
        Shape(
            heads: 1, keyValueHeads: 1, headWidth: 1, sequences: 2, length: 5, segment: 2,
            exact: ExactTokens(recent: 0, first: 1)),
    ]

    /// One that is not nested among them.
    static func list(_ d: Int) -> [Level] {
        let pairs = d == 1 ? [(1, 1)] : [(1, 2), (d / 2, d / 2), (d / 2, d), (d, 1), (d - 1, d), (d, d)]
        return pairs.map { Level(scoreRank: $0.0, valueRank: $0.1) }
    }

    /// Bases whose pairs multiply to the identity: U diag(s) V and U diag(1/s) V.
    static func basis(_ shape: AttentionShape, seed: UInt64 = 1) throws -> AttentionBasis {
        var random = SampleMatrices(seed: seed)
        let d = shape.headWidth
        var floats: [[Float]] = [[], [], [], []]
        for _ in 0..<shape.keyValueHeads {
            for side in [0, 2] {
                let (u, v) = (try random.orthogonal(d), try random.orthogonal(d))
                let s = (0..<d).map { 0.5 + 2 * Double($0 + 1) / Double(d) }
                for (i, diagonal) in [s, s.map { 1 / $0 }].enumerated() {
                    let matrix = DenseMatrix.product(.product(u, DenseMatrix(diagonal: diagonal)), v)
                    floats[side + i] += matrix.values.array.map { Float($0) }
                }
            }
        }
        return AttentionBasis(
            query: Buffer(floats[0]), key: Buffer(floats[1]), value: Buffer(floats[2]), output: Buffer(floats[3]),
            keyMean: normal(shape.keyValueHeads * d, seed: 77, 0.7), headWidth: d)
    }

    static func normal(_ count: Int, seed: UInt64, _ deviation: Float) -> Buffer<Float> {
        let x = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(x, deviation: deviation)
        return x
    }

    /// Queries, keys, values and gradients at random; `outputs` is nothing that the estimate rests on.
    static func seen(_ shape: Shape, qkv: Buffer<Float>? = nil) -> ObservedAttention {
        let batch = EngineRun.batch((0..<UInt64(shape.sequences)).map { 5 + $0 }, length: shape.length), own = shape.attention
        return ObservedAttention(
            layer: 1, batch: batch, x: Matrix(Buffer(uninitialized: 0), rows: 0, columns: 1), qkv: qkv ?? normal(batch.rows * own.columns, seed: 3, 1),
            outputs: Buffer(count: batch.rows * own.width, repeating: .nan),
            outputGradients: normal(batch.rows * own.width, seed: 4, 0.5))
    }

    static func everyRow(_ shape: Shape, by n: Int = 1) -> [LookedRow] {
        (0..<shape.sequences).flatMap { b in
            stride(from: 0, to: shape.length, by: n).map { LookedRow(sequence: b, position: $0) }
        }
    }

    static func estimate(
        _ shape: Shape, _ seen: ObservedAttention, _ rows: [LookedRow], threads: Int = 1, scale: Float = 1
    ) throws -> EstimatedLosses {
        try LossEstimate(
            shape.attention, levels: list(shape.headWidth), exact: shape.exact, segment: shape.segment,
            team: Team(threads: threads)
        ).losses(of: seen, basis: basis(shape.attention), rows: rows, scale: scale)
    }

    /// ½ (Σ_h dO_h · (O_r,h − O_h))² by the definition, in float64: outputs as vectors, every key by itself.
    static func reference(
        _ shape: Shape, _ seen: ObservedAttention, _ basis: AttentionBasis, _ row: LookedRow, _ level: Level
    ) -> Double {
        let own = shape.attention, d = shape.headWidth, t = row.position, first = row.sequence * shape.length
        func vector(_ x: Buffer<Float>, _ place: Int) -> [Double] { (0..<d).map { Double(x[place + $0]) } }
        func turned(_ x: [Double], _ bases: Buffer<Float>, _ g: Int) -> [Double] {
            (0..<d).map { c in (0..<d).reduce(0) { $0 + x[$1] * Double(bases[(g * d + $1) * d + c]) } }
        }
        var change = 0.0
        for h in 0..<own.heads {
            let g = own.keyValueHead(of: h)
            func part(_ columns: Range<Int>, _ head: Int, _ position: Int) -> [Double] {
                vector(seen.qkv, (first + position) * own.columns + own.columns(of: columns, head: head).lowerBound)
            }
            let q = part(own.queries, h, t), gradient = vector(seen.outputGradients, (first + t) * own.width + h * d)
            let mean = vector(basis.keyMean, g * d), turnedQuery = turned(q, basis.query, g)
            func output(_ level: Level?) -> [Double] {
                var scores: [Double] = [], values: [[Double]] = []
                for j in 0...t {
                    let k = part(own.keys, g, j), v = part(own.values, g, j)
                    let isExact = j < shape.exact.first || j / shape.segment >= t / shape.segment - shape.exact.recent
                    guard let level else {
                        scores.append(zip(q, k).reduce(0) { $0 + $1.0 * $1.1 })
                        values.append(v)
                        continue
                    }
                    let r = isExact ? d : level.scoreRank, rv = isExact ? d : level.valueRank
                    let key = turned(zip(k, mean).map { $0 - $1 }, basis.key, g), value = turned(v, basis.value, g)
                    scores.append((0..<r).reduce(0) { $0 + turnedQuery[$1] * key[$1] })
                    values.append((0..<d).map { c in
                        (0..<rv).reduce(0) { $0 + value[$1] * Double(basis.output[(g * d + c) * d + $1]) }
                    })
                }
                let scaled = scores.map { $0 / Double(d).squareRoot() }, top = scaled.max() ?? 0
                let weights = scaled.map { exp($0 - top) }, total = weights.reduce(0, +)
                return (0..<d).map { c in zip(weights, values).reduce(0) { $0 + $1.0 / total * $1.1[c] } }
            }
            let full = output(nil), reduced = output(level)
            for c in 0..<d { change += gradient[c] * (reduced[c] - full[c]) }
        }
        return 0.5 * change * change
    }

    @Test(arguments: shapes, [1, 3])
    func agreesWithFloat64(shape: Shape, threads: Int) throws {
        let seen = Self.seen(shape), basis = try Self.basis(shape.attention), list = Self.list(shape.headWidth)
        let rows = Self.everyRow(shape, by: shape.length > 200 ? 9 : 1)
        let losses = try Self.estimate(shape, seen, rows, threads: threads)
        #expect(losses.rows == rows && losses.levels == list.count)
        let expected = rows.map { row in list.map { Self.reference(shape, seen, basis, row, $0) } }
        let largest = expected.joined().max() ?? 0
        for (i, row) in rows.enumerated() {
            for level in 0..<list.count {
                let own = expected[i][level], error = abs(losses[i, level] - own)
                // A change of about 1 within 1e-5, squared.
                #expect(error <= 2e-5 * own.squareRoot() + 1e-9, "\(row) at \(list[level]): \(losses[i, level]) for \(own)")
            }
            #expect(losses[i, list.count - 1] == 0, "all columns are full attention")
        }
        #expect(largest > 0.01 || shape.headWidth == 1, "some levels lose something")
    }

    /// Which rows are looked at, and on how many threads, does not matter to a row.
    @Test func rowsAreTheirOwn() throws {
        let shape = Self.shapes[1], seen = Self.seen(shape), rows = Self.everyRow(shape)
        let all = try Self.estimate(shape, seen, rows)
        #expect(try Self.estimate(shape, seen, rows, threads: 3).values.array == all.values.array)
        for (i, row) in rows.enumerated() where i % 7 == 0 {
            let alone = try Self.estimate(shape, seen, [row])
            for level in 0..<all.levels { #expect(abs(alone[0, level] - all[i, level]) <= 1e-6 * (1 + all[i, level])) }
        }
        #expect(try Self.estimate(shape, seen, []).values.count == 0)
    }

    /// What `loss` scaled is undone.
    @Test func theScaleOfTheLossIsUndone() throws {
        let shape = Self.shapes[1], seen = Self.seen(shape), rows = Self.everyRow(shape), scale: Float = 0.25
        let scaled = ObservedAttention(
            layer: seen.layer, batch: seen.batch, x: seen.x, qkv: seen.qkv, outputs: seen.outputs,
            outputGradients: Buffer(seen.outputGradients.array.map { $0 * scale }))
        #expect(
            try Self.estimate(shape, scaled, rows, scale: scale).values.array
                == Self.estimate(shape, seen, rows).values.array)
    }

    /// Later tokens' queries, keys and values leave a row's estimate bit for bit; its own move it.
    @Test(arguments: [0, 1, 2]) func laterTokensDoNotMatter(number: Int) throws {
        let shape = Self.shapes[number], seen = Self.seen(shape), rows = Self.everyRow(shape)
        let base = try Self.estimate(shape, seen, rows)
        for changed in [1, shape.segment, shape.length / 2, shape.length - 1] {
            let qkv = Buffer(seen.qkv.array)
            for b in 0..<shape.sequences {
                let columns = shape.attention.columns, first = (b * shape.length + changed) * columns
                for c in 0..<columns { qkv[first + c] = -3 * qkv[first + c] + 1 }
            }
            let after = try Self.estimate(shape, Self.seen(shape, qkv: qkv), rows)
            var moved = false
            for (i, row) in rows.enumerated() {
                for level in 0..<base.levels where base[i, level] != after[i, level] {
                    moved = true
                    #expect(row.position >= changed, "token \(changed), \(row)")
                }
            }
            #expect(moved, "token \(changed)")
        }
    }

    /// Where exact tokens cover everything no level loses anything.
    @Test func exactTokensLoseNothing() throws {
        let shape = Shape(
            heads: 2, keyValueHeads: 1, headWidth: 6, sequences: 2, length: 40, segment: 8,
            exact: ExactTokens(recent: 4, first: 0))
        let losses = try Self.estimate(shape, Self.seen(shape), Self.everyRow(shape))
        #expect(losses.values.array.allSatisfy { $0 == 0 })
    }

    /// What looking costs: keys and values in the bases, then a product of d columns each for scores and values.
    @Test func flopsAreThoseExecuted() throws {
        let shape = Shape(
            heads: 2, keyValueHeads: 1, headWidth: 6, sequences: 1, length: 20, segment: 4,
            exact: ExactTokens(recent: 0, first: 1))
        let team = Team(threads: 1), d = 6, seen = Self.seen(shape)
        let rows = [5, 19].map { LookedRow(sequence: 0, position: $0) }
        _ = try LossEstimate(
            shape.attention, levels: Self.list(d), exact: shape.exact, segment: shape.segment, team: team
        ).losses(of: seen, basis: Self.basis(shape.attention), rows: rows, scale: 1)
        #expect(team.flops[.policy] == 2 * (2 * 20 * d * d + 2 * 4 * d * d + 2 * 4 * 20 * d))
        // Score ranks 1, 3, 5 and 6; of row 5 the keys 1 … 3 are far, of row 19 the keys 1 … 15.
        #expect(team.flops.exponentials == 2 * ((3 + 4 * 3) + (5 + 4 * 15)))
    }

    /// Rows of a whole model, from labels that it draws itself to losses by level: nested levels lose ever less on average,
    /// and a pass is a function of its number.
    @Test(arguments: [false, true]) func estimatesOfAModel(isLlama: Bool) throws {
        let configuration = try ModelConfiguration(
            vocabularySize: EngineRun.vocabulary, context: 32, width: 16, heads: 4, layers: 2,
            family: isLlama
                ? .llama(
                    LlamaShape(
                        keyValueHeads: 2, headWidth: 8, feedForwardWidth: 32, normEpsilon: 1e-5,
                        rotation: RotaryPositions(base: 100), mostPositions: 32, tiesHead: true))
                : .gpt2)
        let shape = configuration.layer.attention, d = shape.headWidth, T = 8
        let batch = EngineRun.batch([3, 4, 9])
        let list = (1...d).map { Level(scoreRank: $0, valueRank: $0) }
        func sensitivities(threads: Int) throws -> Sensitivities {
            let stage = TransformerStage(
                configuration, placement: .whole(configuration), rows: batch.rows, team: Team(threads: threads))
            stage.parameters.initialize(seed: 1)
            for i in 0..<stage.parameters.values.count where abs(stage.parameters.values[i]) < 0.5 {
                stage.parameters.values[i] *= 15
            }
            let activations = stage.makeActivations(), result = Sensitivities(layers: 2, length: 32, segment: T, levels: d)
            let estimate = LossEstimate(
                shape, levels: list, exact: ExactTokens(recent: 0, first: 1), segment: T, team: stage.team)
            let basis = AttentionBasis.identity(heads: shape.keyValueHeads, headWidth: d)
            for pass in 0..<4 {
                stage.forward(batch, activations)
                let drawn = batch.replacing(
                    targets: stage.drawTargets(batch, activations, TargetDraw(seed: 1, pass: UInt64(pass))))
                _ = stage.loss(drawn, activations, scale: 0.5)
                let rows = RowDraw(every: 2, seed: 1, pass: UInt64(pass))
                stage.backward(drawn, activations, observer: { seen in
                    result.add(
                        estimate.losses(
                            of: seen, basis: basis, rows: rows.rows(of: drawn, layer: seen.layer), scale: 0.5),
                        layer: seen.layer)
                })
            }
            return result
        }
        let result = try sensitivities(threads: 1), again = try sensitivities(threads: 3)
        for layer in 0..<2 {
            #expect(result.rows(layer: layer) == 4 * 3 * 16)
            let means = try #require(result.means(layer: layer)), others = try #require(again.means(layer: layer))
            #expect(means[d - 1] == 0 && means[0] > 1e-6)
            #expect(means[0] > means[d - 2] && means[d - 2] > 0)
            for (a, b) in zip(means, others) { #expect(abs(a - b) <= 1e-4 * means[0]) }
            #expect(result.means(layer: layer, segment: 0)?.allSatisfy { $0 == 0 } == true, "the first segment has no far key")
        }
    }
}
