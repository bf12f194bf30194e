import Kernels
import Model
import Testing

@Suite struct SegmentFLOPsTests {
    private static let levels = [(2, 3), (4, 4), (4, 9), (12, 12)].map {
        AttentionLevel(scoreRank: $0.0, valueRank: $0.1)
    }
    private static let kinds: [FlopKind] = [.projections, .scores, .values]

    private static func configuration(layers: Int) throws -> ModelConfiguration {
        try ModelConfiguration(vocabularySize: 31, context: 520, width: 36, heads: 3, layers: layers)
    }

    private static func executed(
        _ configuration: ModelConfiguration, sequences: Int, length: Int, lowRank: LowRankPass?
    ) -> Int {
        let team = Team(threads: 2)
        let stage = TransformerStage(
            configuration, placement: .whole(configuration), rows: sequences * length, team: team, forTraining: false)
        stage.parameters.initialize(seed: 1)
        if let lowRank { stage.fold(lowRank) }
        let batch = SampleValues.microBatch(sequences: sequences, length: length, vocabulary: 31, seed: 1)
        stage.forward(batch, stage.makeActivations(), lowRank: lowRank)
        return kinds.reduce(0) { $0 + team.flops[$1] }
    }

    /// Segments shorter than a tile, of one tile, of several, with and without a short last one.
    @Test(arguments: [(1, 5), (7, 50), (40, 133), (64, 256), (128, 128), (128, 300), (130, 261), (300, 520), (520, 129)])
    func sumIsWhatTheKernelsCount(segmentLength: Int, length: Int) throws {
        let configuration = try Self.configuration(layers: 2)
        let segments = (length + segmentLength - 1) / segmentLength
        // The second layer never runs above 4:9, but its keys and values are projected for 12:12.
        @Sendable func level(_ layer: Int, _ sequence: Int, _ segment: Int) -> AttentionLevel {
            Self.levels[(2 * sequence + 3 * segment) % (4 - layer)]
        }
        let basis = AttentionBasis.identity(heads: 3, headWidth: 12)
        let lowRank = LowRankPass(
            layers: (0..<2).map { _ in FoldedAttention(configuration, levels: Self.levels, basis: basis) }
        ) { input, batch in
            ChosenLevels(SegmentLevels(
                segment: segmentLength, segments: segments,
                levels: (0..<(batch.sequences * segments)).map { level(input.layer, $0 / segments, $0 % segments) }))
        }
        var sum = 0
        for layer in 0..<2 {
            for sequence in 0..<3 {
                for segment in 0..<segments {
                    sum += configuration.segmentFLOPs(
                        level: level(layer, sequence, segment), largest: Self.levels[3], segment: segment,
                        segmentLength: segmentLength, length: length)
                }
            }
        }
        #expect(sum == Self.executed(configuration, sequences: 3, length: length, lowRank: lowRank))
        let full = (0..<segments).reduce(0) {
            $0 + configuration.fullSegmentFLOPs(segment: $1, segmentLength: segmentLength, length: length)
        }
        #expect(6 * full == Self.executed(configuration, sequences: 3, length: length, lowRank: nil))
        #expect(Double(6 * full) == configuration.fullAttentionForwardFLOPs(sequences: 3, length: length))
    }

    /// So that no error in one hides in another: counts with and without the last segment differ by it.
    @Test func eachSegmentIsItsOwn() throws {
        let configuration = try Self.configuration(layers: 1)
        let level = Self.levels[2], largest = Self.levels[3]
        let lowRank = LowRankPass(
            layers: [
                FoldedAttention(
                    configuration, levels: [level, largest], basis: .identity(heads: 3, headWidth: 12))
            ]
        ) { _, batch in
            let segments = (batch.length + 149) / 150
            return ChosenLevels(SegmentLevels(
                segment: 150, segments: segments, levels: Array(repeating: level, count: batch.sequences * segments)))
        }
        var before = 0
        for (segment, length) in [150, 300, 450, 470].enumerated() {
            let executed = Self.executed(configuration, sequences: 1, length: length, lowRank: lowRank)
            #expect(
                executed - before
                    == configuration.segmentFLOPs(
                        level: level, largest: largest, segment: segment, segmentLength: 150, length: length))
            before = executed
        }
    }

    /// Two tokens of a segment, the second segment of three, one head of width 2, by hand.
    @Test func byHand() throws {
        let configuration = try ModelConfiguration(vocabularySize: 5, context: 5, width: 2, heads: 1, layers: 1)
        let flops = configuration.segmentFLOPs(
            level: AttentionLevel(scoreRank: 1, valueRank: 1), largest: AttentionLevel(scoreRank: 1, valueRank: 2),
            segment: 1, segmentLength: 2, length: 5)
        // q 2×2·2×1, k likewise, v 2×2·2×2, output 2×1·1×2; 2 rows see a tile of 4 columns, twice at rank 1.
        #expect(flops == 2 * (4 + 4 + 8 + 4) + 2 * (8 + 8))
        #expect(configuration.fullSegmentFLOPs(segment: 1, segmentLength: 2, length: 5) == 2 * 4 * 8 + 2 * 2 * 2 * 10)
    }
}
