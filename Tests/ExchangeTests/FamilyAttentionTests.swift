import Foundation
import Kernels
import Model
import Testing

/// Attention of models with rotary positions and shared heads, at levels and by kernels that stand in for softmax.
@Suite struct FamilyAttentionTests {
    private typealias Model = FamilyGoldenTests.Model
    static let rotary = ["llama", "llama-untied", "qwen2", "mistral"]
    static let families = rotary + ["gpt2"]
    /// A level for all keys, or for those beyond the segment before and two first tokens, or beyond the own segment.
    static let exactness = [nil, ExactTokens(recent: 1, first: 2), ExactTokens(recent: 0, first: 0)]
    static let segment = 8

    /// Columns of a random orthogonal matrix, [d, d], by Gram and Schmidt.
    private static func orthogonal(_ d: Int, key: UInt64) -> [Double] {
        let drawn = Buffer<Float>(uninitialized: d * d)
        Philox(key: key).fillNormal(drawn, deviation: 1)
        var x = drawn.array.map(Double.init)
        for c in 0..<d {
            for e in 0..<c {
                let dot = (0..<d).reduce(0) { $0 + x[$1 * d + c] * x[$1 * d + e] }
                for i in 0..<d { x[i * d + c] -= dot * x[i * d + e] }
            }
            let norm = (0..<d).reduce(0) { $0 + x[$1 * d + c] * x[$1 * d + c] }.squareRoot()
            for i in 0..<d { x[i * d + c] /= norm }
        }
        return x
    }

    /// A score pair and a value pair whose products are the identity, and a mean of keys, for each head of keys and values.
    private static func basis(_ shape: AttentionShape, layer: Int) -> AttentionBasis {
        let d = shape.headWidth
        func each(_ number: Int, _ scale: (Int) -> Double) -> Buffer<Float> {
            Buffer((0..<shape.keyValueHeads).flatMap { head in
                let q = orthogonal(d, key: UInt64(1000 * layer + 10 * head + number))
                return q.indices.map { Float(q[$0] * scale($0 % d)) }
            })
        }
        return AttentionBasis(
            query: each(1) { 0.5 + Double($0) / Double(d) }, key: each(1) { 1 / (0.5 + Double($0) / Double(d)) },
            value: each(2) { 0.6 + Double($0) / Double(d) }, output: each(2) { 1 / (0.6 + Double($0) / Double(d)) },
            keyMean: Buffer((0..<(shape.keyValueHeads * d)).map { Float($0 % 7) / 10 - 0.3 }), headWidth: d)
    }

    private static func pass(
        _ model: Model, _ levels: [AttentionLevel], exact: ExactTokens? = nil,
        _ level: @escaping @Sendable (Int, Int, Int) -> AttentionLevel
    ) -> LowRankPass {
        let configuration = model.configuration, d = configuration.headWidth
        let packed = exact == nil ? levels : [AttentionLevel(scoreRank: d, valueRank: d)]
        return LowRankPass(
            layers: (0..<configuration.layers).map {
                FoldedAttention(configuration, levels: packed, basis: basis(configuration.layer.attention, layer: $0))
            }
        ) { input, batch in
            let segments = (batch.length + segment - 1) / segment
            return ChosenLevels(SegmentLevels(
                segment: segment, segments: segments,
                levels: (0..<(batch.sequences * segments)).map { level(input.layer, $0 / segments, $0 % segments) },
                exact: exact))
        }
    }

    /// Levels of several ranks, another for each segment.
    private static func mixed(
        _ model: Model, exact: ExactTokens? = nil
    ) -> (levels: [AttentionLevel], pass: LowRankPass) {
        let d = model.configuration.headWidth
        let levels = [(d / 4, d / 2), (d / 2, d / 2), (d, 3 * d / 4), (d, d)].map {
            AttentionLevel(scoreRank: $0.0, valueRank: $0.1)
        }
        return (levels, pass(model, levels, exact: exact) { levels[($0 + 2 * $1 + 3 * $2) % 4] })
    }

    /// At level d:d any bases give full attention, up to rounding, and at any level where all keys are exact.
    @Test(arguments: families) func fullRankIsFullAttention(name: String) throws {
        let (plain, levelled) = (try Model(name), try Model(name)), d = plain.configuration.headWidth
        let full = AttentionLevel(scoreRank: d, valueRank: d), least = AttentionLevel(scoreRank: 1, valueRank: 1)
        plain.forward()
        let expected = plain.logits, largest = expected.map(abs).max() ?? 0
        for (level, exact) in [
            (full, nil), (full, ExactTokens(recent: 0, first: 3)), (least, ExactTokens(recent: 9, first: 0)),
            (least, ExactTokens(recent: 0, first: 99)),
        ] {
            levelled.forward(lowRank: Self.pass(levelled, [level], exact: exact) { _, _, _ in level })
            #expect(zip(levelled.logits, expected).allSatisfy { abs($0 - $1) < 1e-5 * largest })
        }
    }

    /// Gradients are those of the loss: along their own direction it falls as they say.
    private func expectGradients(_ model: Model, _ loss: () -> Double) {
        let first = loss(), arena = model.stages[0].parameters
        let gradient = arena.gradients.array, norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let values = arena.values.array
        func moved(_ step: Double) -> Double {
            for i in values.indices { arena.values[i] = values[i] + Float(step * Double(gradient[i]) / norm) }
            arena.gradients.fill(0)
            return loss()
        }
        let step = 2e-3, slope = (moved(step) - moved(-step)) / (2 * step)
        #expect(first.isFinite && abs(slope / norm - 1) < 5e-3, "\(slope) where the gradient has norm \(norm)")
    }

    @Test(arguments: families, exactness) func gradientsAtLevelsAreThoseOfTheLoss(name: String, exact: ExactTokens?) throws {
        let model = try Model(name)
        expectGradients(model) { model.pass(lowRank: Self.mixed(model, exact: exact).pass) }
    }

    /// What the counter counts is what `segmentFLOPs` says.
    @Test(arguments: families, exactness) func flopsAreThoseCounted(name: String, exact: ExactTokens?) throws {
        let model = try Model(name), (levels, pass) = Self.mixed(model, exact: exact), team = model.stages[0].team
        model.stages[0].fold(pass)
        team.flops.reset()
        model.forward(lowRank: pass)
        let counted = [FlopKind.projections, .scores, .values].reduce(0) { $0 + team.flops[$1] }
        let largest = levels[3], L = model.batch.length
        var expected = 0
        for layer in 0..<model.configuration.layers {
            for sequence in 0..<model.batch.sequences {
                for segment in 0..<(L / Self.segment) {
                    expected += model.configuration.segmentFLOPs(
                        level: levels[(layer + 2 * sequence + 3 * segment) % 4], largest: largest, segment: segment,
                        segmentLength: Self.segment, length: L, exact: exact)
                }
            }
        }
        #expect(counted == expected)
    }

    /// Changing a token leaves every logit before it bit for bit.
    @Test(arguments: families, exactness) func laterTokensDoNotMatter(name: String, exact: ExactTokens?) throws {
        let model = try Model(name), L = model.batch.length, V = model.configuration.vocabularySize
        let (_, pass) = Self.mixed(model, exact: exact)
        model.forward(lowRank: pass)
        let before = model.logits
        for t in [1, 7, 8, 9, 17, 23] {
            let tokens = Buffer(model.batch.tokens.array)
            for b in 0..<model.batch.sequences { tokens[b * L + t] = (tokens[b * L + t] + 1) % Int32(V) }
            let other = MicroBatch(
                sequences: model.batch.sequences, length: L, tokens: tokens, targets: model.batch.targets,
                samples: model.batch.samples)
            model.stages[0].forward(other, model.activations[0], lowRank: pass)
            let after = model.stages[0].logits(other, model.activations[0]).array
            for b in 0..<model.batch.sequences {
                let same = (b * L * V)..<((b * L + t) * V)
                #expect(before[same] == after[same], "token \(t)")
            }
            #expect(before != after)
        }
    }

    /// Where query heads share keys and values, a kernel's gradients of them are summed.
    @Test(arguments: rotary, [AttentionKind.performer(features: 32, seed: 3), .nystrom(landmarks: 2, segment: 8)])
    func gradientsOfKernelsAreThoseOfTheLoss(name: String, kind: AttentionKind) throws {
        let model = try Model(name, attention: kind)
        expectGradients(model) { model.pass() }
    }

    /// As many landmarks as tokens are full attention.
    @Test(arguments: rotary) func aKernelSeesTheSameHeads(name: String) throws {
        let (plain, kernel) = (try Model(name), try Model(name, attention: .nystrom(landmarks: 24, segment: 24)))
        plain.forward()
        kernel.forward()
        let expected = plain.logits, largest = expected.map(abs).max() ?? 0
        #expect(zip(kernel.logits, expected).allSatisfy { abs($0 - $1) < 1e-5 * largest })
    }
}
