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

/// The level at which queries attend, in one layer and micro-batch: one for each segment, or for each few tokens of one.
public struct SegmentLevels: Equatable, Sendable {
    /// T, tokens a segment; a sequence's last segment may be shorter.
    public let segment: Int
    /// Tokens that share a level: T, or a divisor of it where some keys are exact.
    public let grain: Int
    /// [B × P], P = ⌈L / grain⌉.
    public let levels: [AttentionLevel]
    /// The keys that no level touches; nil where a level is for all keys.
    public let exact: ExactTokens?
    /// P.
    public let pieces: Int

    /// - Parameters:
    ///   - segments: P.
    ///   - grain: T unless told.
    public init(
        segment: Int, segments: Int, levels: [AttentionLevel], exact: ExactTokens? = nil, grain: Int? = nil
    ) {
        let grain = grain ?? segment
        precondition(segment >= 1 && segments >= 1 && levels.count % segments == 0, "\(levels.count) levels")
        precondition(grain >= 1 && segment % grain == 0, "levels by \(grain) tokens in segments of \(segment)")
        precondition(grain == segment || exact != nil, "rows of a segment that are packed at several levels")
        self.segment = segment
        self.grain = grain
        pieces = segments
        self.levels = levels
        self.exact = exact
    }

    /// Every segment of `batch` at one level: full attention where it is d:d.
    public static func uniform(_ level: AttentionLevel, for batch: MicroBatch) -> SegmentLevels {
        SegmentLevels(
            segment: batch.length, segments: 1, levels: Array(repeating: level, count: batch.sequences))
    }

    /// The level of row `row` of sequence `b`.
    public subscript(sequence b: Int, row row: Int) -> AttentionLevel { levels[b * pieces + row / grain] }

    /// Means over the tokens of a segment of sequence `b`, of `length` tokens: of score ranks, of value ranks, and of what
    /// else is asked of a level.
    public func means(
        sequence b: Int, segment s: Int, length: Int, _ other: (AttentionLevel) -> Double
    ) -> (scoreRank: Double, valueRank: Double, other: Double) {
        let rows = (s * segment)..<min((s + 1) * segment, length)
        let pieces = (b * pieces + rows.lowerBound / grain)...(b * pieces + (rows.upperBound - 1) / grain)
        if pieces.count == 1 {
            let level = levels[pieces.lowerBound]
            return (Double(level.scoreRank), Double(level.valueRank), other(level))
        }
        var counts: [AttentionLevel: Int] = [:]
        for row in rows { counts[self[sequence: b, row: row], default: 0] += 1 }
        let n = Double(rows.count)
        func mean(_ value: (AttentionLevel) -> Double) -> Double {
            // In one order, so that sums are the same in every run.
            counts.sorted { ($0.key.scoreRank, $0.key.valueRank) < ($1.key.scoreRank, $1.key.valueRank) }
                .reduce(0) { $0 + Double($1.value) * value($1.key) } / n
        }
        return (mean { Double($0.scoreRank) }, mean { Double($0.valueRank) }, mean(other))
    }

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
        let used = levels.indices.lazy.filter { asked.contains($0 % pieces) }.map { levels[$0] }
        return AttentionLevel(
            scoreRank: used.map(\.scoreRank).max() ?? 1, valueRank: used.map(\.valueRank).max() ?? 1)
    }

    /// Those of sequence `b` alone.
    func ofSequence(_ b: Int) -> SegmentLevels {
        SegmentLevels(
            segment: segment, segments: pieces, levels: Array(levels[(b * pieces)..<((b + 1) * pieces)]), exact: exact,
            grain: grain)
    }

    /// Those of several sequences one after the other, whose segments and exact keys are alike.
    init(of sequences: [SegmentLevels]) {
        let first = sequences[0]
        self.init(
            segment: first.segment, segments: first.pieces, levels: sequences.flatMap(\.levels), exact: first.exact,
            grain: first.grain)
    }

    /// Those of a single sequence's first `length` rows.
    func first(_ length: Int) -> SegmentLevels {
        let pieces = (length - 1) / grain + 1
        return SegmentLevels(
            segment: segment, segments: pieces, levels: Array(levels[0..<pieces]), exact: exact, grain: grain)
    }

    /// The levels of the rows `rows` of sequence `b`, all of one segment: each with its rows, counted from the first, level
    /// after level as they first occur.
    func groups(sequence b: Int, rows: Range<Int>) -> [(level: AttentionLevel, rows: [Int32])] {
        var groups: [(level: AttentionLevel, rows: [Int32])] = []
        for row in rows {
            let level = self[sequence: b, row: row], own = Int32(row - rows.lowerBound)
            if let i = groups.firstIndex(where: { $0.level == level }) {
                groups[i].rows.append(own)
            } else {
                groups.append((level, [own]))
            }
        }
        return groups
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
