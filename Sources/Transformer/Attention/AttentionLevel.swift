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
    /// The keys that no level touches; nil where a level is for all keys.
    public let exact: ExactTokens?
    private let segments: Int

    public init(segment: Int, segments: Int, levels: [AttentionLevel], exact: ExactTokens? = nil) {
        precondition(segment >= 1 && segments >= 1 && levels.count % segments == 0, "\(levels.count) levels")
        self.segment = segment
        self.segments = segments
        self.levels = levels
        self.exact = exact
    }

    /// Every segment of `batch` at one level: full attention where it is d:d.
    public static func uniform(_ level: AttentionLevel, for batch: MicroBatch) -> SegmentLevels {
        SegmentLevels(
            segment: batch.length, segments: 1, levels: Array(repeating: level, count: batch.sequences))
    }

    /// The level of row `row` of sequence `b`.
    public subscript(sequence b: Int, row row: Int) -> AttentionLevel { levels[b * segments + row / segment] }

    /// At which the query and the output of row `row` of sequence `b` are packed: d:d where some keys are exact.
    func packed(sequence b: Int, row: Int, headWidth d: Int) -> AttentionLevel {
        exact == nil ? self[sequence: b, row: row] : AttentionLevel(scoreRank: d, valueRank: d)
    }

    /// At which keys and values are packed: the largest score rank and the largest value rank in use.
    func largest(headWidth d: Int) -> AttentionLevel {
        guard exact == nil else { return AttentionLevel(scoreRank: d, valueRank: d) }
        return AttentionLevel(
            scoreRank: levels.map(\.scoreRank).max() ?? 1, valueRank: levels.map(\.valueRank).max() ?? 1)
    }

    /// The keys that the rows `rows`, all of one segment, attend to at its level and not at that at which they are packed.
    func far(of rows: Range<Int>) -> Range<Int> {
        exact?.far(of: rows.lowerBound, segment: segment) ?? 0..<0
    }

    /// The largest score rank and the largest value rank at which rows at `positions`, which are some, are packed.
    func largest(at positions: Range<Int>, headWidth d: Int) -> AttentionLevel {
        guard exact == nil else { return AttentionLevel(scoreRank: d, valueRank: d) }
        let asked = (positions.lowerBound / segment)...((positions.upperBound - 1) / segment)
        let used = levels.indices.lazy.filter { asked.contains($0 % segments) }.map { levels[$0] }
        return AttentionLevel(
            scoreRank: used.map(\.scoreRank).max() ?? 1, valueRank: used.map(\.valueRank).max() ?? 1)
    }

    /// Those of sequence `b` alone.
    func ofSequence(_ b: Int) -> SegmentLevels {
        SegmentLevels(
            segment: segment, segments: segments, levels: Array(levels[(b * segments)..<((b + 1) * segments)]), exact: exact)
    }

    /// The value ranks at which rows at `positions` of a single sequence are packed.
    func valueRanks(at positions: Range<Int>, headWidth d: Int) -> Set<Int> {
        guard exact == nil else { return [d] }
        return Set(levels[(positions.lowerBound / segment)...((positions.upperBound - 1) / segment)].map(\.valueRank))
    }

    /// The keys of a sequence of `length` in pieces of at most `most`, each of which is far for all rows of a segment or for
    /// none.
    func keyTiles(length: Int, most: Int) -> [Range<Int>] {
        exact?.tiles(length: length, segment: segment, most: most)
            ?? stride(from: 0, to: length, by: most).map { $0..<min($0 + most, length) }
    }

    /// The rows of a sequence of `length`, cut at the segments' ends and into pieces of at most `most` rows.
    func tiles(length: Int, most: Int) -> [Range<Int>] {
        stride(from: 0, to: length, by: segment).flatMap { first in
            let end = min(first + segment, length)
            return stride(from: first, to: end, by: most).map { $0..<min($0 + most, end) }
        }
    }
}
