/// A level of attention: how many dimensions of queries and keys, and how many of values, take part.
public struct AttentionLevel: Hashable, Codable, Sendable {
    /// r of the scores: 1 … d.
    public let scoreRank: Int
    /// r of the values: 1 … d.
    public let valueRank: Int

    public init(scoreRank: Int, valueRank: Int) {
        precondition(scoreRank >= 1 && valueRank >= 1, "a level of \(scoreRank):\(valueRank)")
        self.scoreRank = scoreRank
        self.valueRank = valueRank
    }
}

/// The level at which each segment's queries attend, in one layer and micro-batch.
public struct SegmentLevels: Equatable, Sendable {
    /// T, tokens a segment; a sequence's last segment may be shorter.
    public let segment: Int
    /// [B × S], S = ⌈L / T⌉.
    public let levels: [AttentionLevel]
    private let segments: Int

    public init(segment: Int, segments: Int, levels: [AttentionLevel]) {
        precondition(segment >= 1 && segments >= 1 && levels.count % segments == 0, "\(levels.count) levels")
        self.segment = segment
        self.segments = segments
        self.levels = levels
    }

    /// Every segment of `batch` at one level: full attention where it is d:d.
    public static func uniform(_ level: AttentionLevel, for batch: MicroBatch) -> SegmentLevels {
        SegmentLevels(
            segment: batch.length, segments: 1, levels: Array(repeating: level, count: batch.sequences))
    }

    /// The level of row `row` of sequence `b`.
    public subscript(sequence b: Int, row row: Int) -> AttentionLevel { levels[b * segments + row / segment] }

    /// The largest score rank and the largest value rank in use.
    var largest: AttentionLevel {
        AttentionLevel(
            scoreRank: levels.map(\.scoreRank).max() ?? 1, valueRank: levels.map(\.valueRank).max() ?? 1)
    }

    /// The largest score rank and the largest value rank in use at `positions`, which are some.
    func largest(at positions: Range<Int>) -> AttentionLevel {
        let asked = (positions.lowerBound / segment)...((positions.upperBound - 1) / segment)
        let used = levels.indices.lazy.filter { asked.contains($0 % segments) }.map { levels[$0] }
        return AttentionLevel(
            scoreRank: used.map(\.scoreRank).max() ?? 1, valueRank: used.map(\.valueRank).max() ?? 1)
    }

    /// Those of sequence `b` alone.
    func ofSequence(_ b: Int) -> SegmentLevels {
        SegmentLevels(segment: segment, segments: segments, levels: Array(levels[(b * segments)..<((b + 1) * segments)]))
    }

    /// The value ranks in use at `positions` of a single sequence.
    func valueRanks(at positions: Range<Int>) -> Set<Int> {
        Set(levels[(positions.lowerBound / segment)...((positions.upperBound - 1) / segment)].map(\.valueRank))
    }

    /// The rows of a sequence of `length`, cut at the segments' ends and into pieces of at most `most` rows.
    func tiles(length: Int, most: Int) -> [Range<Int>] {
        stride(from: 0, to: length, by: segment).flatMap { first in
            let end = min(first + segment, length)
            return stride(from: first, to: end, by: most).map { $0..<min($0 + most, end) }
        }
    }
}
