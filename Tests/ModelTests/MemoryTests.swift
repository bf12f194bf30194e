import Foundation
import Kernels
import Model
import Testing

/// Nothing grows with L², and no logits with rows × vocabulary.
@Suite struct MemoryTests {
    /// Lengths of all buffers that `value` holds, private ones included.
    private static func bufferCounts(_ value: Any) -> [Int] {
        if let floats = value as? Buffer<Float> { return [floats.count] }
        if let doubles = value as? Buffer<Double> { return [doubles.count] }
        return Mirror(reflecting: value).children.flatMap { bufferCounts($0.value) }
    }

    /// Bytes of them.
    private static func bufferBytes(_ value: Any) -> Int {
        if let floats = value as? Buffer<Float> { return 4 * floats.count }
        if let doubles = value as? Buffer<Double> { return 8 * doubles.count }
        return Mirror(reflecting: value).children.reduce(0) { $0 + bufferBytes($1.value) }
    }

    private static func counts(
        _ configuration: ModelConfiguration, length: Int, attention: AttentionKind = .softmax
    ) -> [Int] {
        let stage = TransformerStage(
            configuration, placement: .whole(configuration), rows: length, team: Team(threads: 2), attention: attention)
        return bufferCounts(stage) + bufferCounts(stage.makeActivations())
    }

    @Test(arguments: [.softmax, .performer(features: 8, seed: 1), .nystrom(landmarks: 8, segment: 128)] as [AttentionKind])
    func buffersGrowWithTheLengthAtMost(attention: AttentionKind) throws {
        func total(_ length: Int) throws -> Int {
            let configuration = try ModelConfiguration(
                vocabularySize: 7, context: length, width: 8, heads: 2, layers: 2)
            let counts = Self.counts(configuration, length: length, attention: attention)
            #expect(counts.count > (attention == .softmax ? 50 : 80), "the search found the buffers")
            #expect(counts.allSatisfy { $0 < length * length })
            return counts.reduce(0, +)
        }
        let sizes = try [1024, 2048, 4096].map(total)
        #expect(sizes[2] - sizes[1] <= 2 * (sizes[1] - sizes[0]) + 64)
    }

    /// What estimates of memory count is what is allocated.
    @Test(arguments: SublayerModel.Family.allCases, [true, false])
    func kindsSayWhatTheyHold(family: SublayerModel.Family, forTraining: Bool) throws {
        // A context of several segments, and one of a part.
        for kind in [.performer(features: 20, seed: 1), .nystrom(landmarks: 3, segment: 16), .nystrom(landmarks: 8, segment: 128)]
            as [AttentionKind]
        {
            let configuration = try SublayerModel(family: family, kind: kind, isLevelled: false).configuration
            let kernel = try #require(
                kind.kernel(configuration, layers: 0..<2, team: Team(threads: 3), forTraining: forTraining))
            let shape = configuration.layer.attention, copies = shape.group > 1 ? (forTraining ? 2 : 1) : 0
            #expect(
                kind.bytes(configuration, layers: 2, rows: 10, threads: 3, forTraining: forTraining)
                    == Self.bufferBytes(kernel) + 4 * copies * 10 * 3 * shape.width)
        }
        let configuration = try SublayerModel(family: family, kind: .softmax, isLevelled: true).configuration
        let basis = AttentionBasis.identity(heads: configuration.keyValueHeads, headWidth: 12)
        let folded = FoldedAttention(configuration, levels: SublayerModel.levels, basis: basis)
        #expect(
            FoldedAttention.bytes(configuration, levels: SublayerModel.levels)
                == Self.bufferBytes(folded) - Self.bufferBytes(basis))
        #expect(AttentionKind.softmax.bytes(configuration, layers: 2, rows: 10, threads: 3, forTraining: true) == 0)
    }

    @Test func logitsExistOneTileAtATime() throws {
        let configuration = try ModelConfiguration(
            vocabularySize: 50_257, context: 2048, width: 8, heads: 2, layers: 1)
        let counts = Self.counts(configuration, length: 2048)
        #expect(4 * (counts.max() ?? .max) <= 112 << 20, "the largest takes 112 MiB at most, where all logits take 393")
    }

    /// A whole pass, with what it allocates on the way: at this length one L×L matrix of floats would be 1 GiB.
    @Test func aLongPassStaysSmall() throws {
        let length = 16_384
        let configuration = try ModelConfiguration(
            vocabularySize: 16, context: length, width: 8, heads: 1, layers: 1)
        let run = try StageRun(
            configuration, weights: ModelWeights.random(configuration, seed: 1), rows: length, threads: 2)
        let batch = SampleValues.microBatch(sequences: 1, length: length, vocabulary: 16, seed: 2)
        #expect(run.pass(batch, dropout: Dropout(rate: 0.1, seed: 1, step: 1)).isFinite)
        let peak = try #require(Self.peakKilobytes())
        #expect(peak < 768 << 10, "\(peak) kB at the most")
    }

    /// The process's high-water mark, from /proc/self/status.
    private static func peakKilobytes() -> Int? {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) }
    }
}
