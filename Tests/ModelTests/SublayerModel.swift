import Kernels
import Model
import Testing

/// Small models of both families, and passes that name levels for them.
struct SublayerModel: Sendable, CustomTestStringConvertible {
    enum Family: String, CaseIterable { case gpt2, llama }

    let family: Family
    let kind: AttentionKind
    /// Whether a pass names levels, in place of `kind`.
    let isLevelled: Bool
    /// The keys that its levels do not touch.
    var exact: ExactTokens?
    /// Whether each token has a level of its own, named from its own input.
    var isByToken = false

    static let segment = 16, sequences = 3, length = 75, vocabulary = 67

    /// Full, at levels, Performer and Nyström: segments and chunks begin within the length, and the last ones are short.
    static let all = Family.allCases.flatMap { family in
        [
            SublayerModel(family: family, kind: .softmax, isLevelled: false),
            SublayerModel(family: family, kind: .softmax, isLevelled: true),
            SublayerModel(family: family, kind: .softmax, isLevelled: true, exact: ExactTokens(recent: 1, first: 2)),
            SublayerModel(family: family, kind: .softmax, isLevelled: true, exact: ExactTokens(recent: 0, first: 0)),
            SublayerModel(
                family: family, kind: .softmax, isLevelled: true, exact: ExactTokens(recent: 0, first: 3), isByToken: true),
            SublayerModel(family: family, kind: .performer(features: 20, seed: 4), isLevelled: false),
            SublayerModel(family: family, kind: .nystrom(landmarks: 3, segment: segment), isLevelled: false),
        ]
    }

    var testDescription: String { "\(family.rawValue), \(isLevelled ? "levels\(isByToken ? " by token" : ""), \(exact.map { "\($0)" } ?? "no key exact")" : "\(kind)")" }

    /// Learnt positions and a head of keys for each of queries; or rotary ones, three heads of queries to one of keys, and a
    /// head width of its own.
    var configuration: ModelConfiguration {
        get throws {
            switch family {
            case .gpt2:
                try ModelConfiguration(
                    vocabularySize: Self.vocabulary, context: Self.length, width: 36, heads: 3, layers: 3)
            case .llama:
                try ModelConfiguration(
                    vocabularySize: Self.vocabulary, context: Self.length, width: 40, heads: 6, layers: 3,
                    family: .llama(
                        LlamaShape(
                            keyValueHeads: 2, headWidth: 12, feedForwardWidth: 56, normEpsilon: 1e-5,
                            rotation: RotaryPositions(base: 10_000), mostPositions: Self.length, hasInputBias: true,
                            tiesHead: false)))
            }
        }
    }

    static let levels = [(2, 3), (4, 4), (4, 9), (12, 10)].map { AttentionLevel(scoreRank: $0.0, valueRank: $0.1) }

    /// Those it chooses from: fewer than all columns of far keys.
    var list: [AttentionLevel] { exact == nil ? Self.levels : Array(Self.levels.prefix(3)) }

    /// The columns that levels are projected at.
    var largest: AttentionLevel { AttentionLevel(scoreRank: 12, valueRank: exact == nil ? 10 : 12) }

    func stage(threads: Int = 2) throws -> TransformerStage {
        let configuration = try configuration
        let stage = TransformerStage(
            configuration, placement: .whole(configuration), rows: Self.sequences * Self.length,
            team: Team(threads: threads), forTraining: false, attention: kind)
        ModelWeights.load(ModelWeights.random(configuration, seed: 5), into: stage.parameters)
        return stage
    }

    func batch(length: Int = length) -> MicroBatch {
        SampleValues.microBatch(sequences: Self.sequences, length: length, vocabulary: Self.vocabulary, seed: 9)
    }

    /// A pass on bases near the identity, at levels that follow from what attention read in the segment before, or of the token; nil where
    /// the model names none.
    func pass(refine: LowRankPass.Refinement? = nil) throws -> LowRankPass? {
        guard isLevelled else { return nil }
        let configuration = try configuration, shape = configuration.layer.attention, d = shape.headWidth
        let T = Self.segment
        let layers = (0..<configuration.layers).map { layer in
            let bases = (0..<4).map { number in
                var x = SampleValues.uniform(shape.keyValueHeads * d * d, seed: UInt64(100 * layer + number), scale: 0.2)
                for h in 0..<shape.keyValueHeads { for i in 0..<d { x[(h * d + i) * d + i] += 1 } }
                return Buffer(x)
            }
            let mean = SampleValues.uniform(shape.keyValueHeads * d, seed: UInt64(100 * layer + 50))
            return FoldedAttention(
                configuration, levels: exact == nil ? Self.levels : [AttentionLevel(scoreRank: d, valueRank: d)],
                basis: AttentionBasis(
                    query: bases[0], key: bases[1], value: bases[2], output: bases[3], keyMean: Buffer(mean), headWidth: d))
        }
        let bounds = LevelBounds(
            largest: layers.map { _ in AttentionLevel(scoreRank: 4, valueRank: 9) }, followText: true)
        return LowRankPass(
            layers: layers, refine: refine, bounds: exact == nil ? nil : bounds
        ) { [exact, isByToken, list] input, batch in
            let segments = (batch.length + T - 1) / T, D = input.x.columns, L = batch.length
            func level(_ rows: Range<Int>) -> AttentionLevel {
                var positive = 0
                for row in rows { for c in 0..<D where input.x.pointer[row * D + c] > 0 { positive += 1 } }
                return list[positive % list.count]
            }
            if isByToken {
                let levels = (0..<batch.rows).map { input.asked.contains($0) ? level($0..<($0 + 1)) : list[0] }
                return ChosenLevels(SegmentLevels(segment: T, segments: L, levels: levels, exact: exact, grain: 1))
            }
            return ChosenLevels(SegmentLevels(
                segment: T, segments: segments,
                levels: (0..<(batch.sequences * segments)).map { index in
                    let (b, s) = (index / segments, index % segments)
                    guard s > 0 else { return list[(Int(batch.samples[b]) + input.layer) % list.count] }
                    return level((b * L + (s - 1) * T)..<(b * L + s * T))
                },
                exact: exact))
        }
    }
}
