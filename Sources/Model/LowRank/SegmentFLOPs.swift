// D width, H heads of width d; T tokens a segment, L a sequence; r, rv a segment's ranks, R, Rv the largest.

extension ModelConfiguration {
    /// Floating-point operations that segment `segment` (from 0) of one sequence executes forward in one layer at `level`:
    /// projections, scores and values as `FlopCounter` counts them, masked parts of blocks included. Summed over the
    /// segments of every sequence and layer they are the counter's; folding is upkeep and no segment's.
    ///
    /// - Parameters:
    ///   - largest: the largest score rank and value rank of the layer's levels, at which keys and values are projected.
    ///   - segmentLength: T; the last segment of a sequence may be shorter.
    ///   - length: L.
    ///   - exact: the keys that the level does not touch; all is then packed at d columns.
    public func segmentFLOPs(
        level: AttentionLevel, largest: AttentionLevel, segment: Int, segmentLength: Int, length: Int,
        exact: ExactTokens? = nil
    ) -> Int {
        let rows = Self.rows(segment: segment, segmentLength: segmentLength, length: length)
        if let exact {
            let far = rows.count * exact.far(of: rows.lowerBound, segment: segmentLength).count
            let all = AttentionLevel(scoreRank: headWidth, valueRank: headWidth)
            let full = segmentFLOPs(
                level: all, largest: all, segment: segment, segmentLength: segmentLength, length: length)
            let saved = 2 * headWidth - level.scoreRank - level.valueRank
            return full - 2 * layer.attention.heads * far * saved
        }
        let (r, rv) = (level.scoreRank, level.valueRank)
        let layer = layer, own = layer.attention, (R, Rv) = (largest.scoreRank, largest.valueRank)
        // Outputs at the segment's rank, values at the largest; where positions rotate, queries and keys at full width and
        // from there to the same ranks.
        let scores = layer.rotation == nil
            ? width * (own.heads * r + own.keyValueHeads * R)
            : width * own.keys.upperBound + own.headWidth * (own.heads * r + own.keyValueHeads * R)
        let projections = rows.count * (scores + width * (own.heads * rv + own.keyValueHeads * Rv))
        return 2 * projections + Attention.flops(of: rows, level: level, heads: own.heads)
    }

    /// The same where the segment's tokens have the levels that `levels` names for sequence `b`.
    public func segmentFLOPs(
        _ levels: SegmentLevels, sequence b: Int, largest: AttentionLevel, segment: Int, length: Int
    ) -> Int {
        func flops(_ level: AttentionLevel) -> Int {
            segmentFLOPs(
                level: level, largest: largest, segment: segment, segmentLength: levels.segment, length: length,
                exact: levels.exact)
        }
        let rows = Self.rows(segment: segment, segmentLength: levels.segment, length: length)
        if levels.grain == levels.segment { return flops(levels[sequence: b, row: rows.lowerBound]) }
        // All is packed at d, and each token's level is for its far keys alone.
        let all = flops(AttentionLevel(scoreRank: headWidth, valueRank: headWidth)), far = levels.far(of: rows).count
        return rows.reduce(all) { total, row in
            let level = levels[sequence: b, row: row]
            return total - 2 * layer.attention.heads * far * (2 * headWidth - level.scoreRank - level.valueRank)
        }
    }

    /// The same for full attention, whose blocks do not stop where segments do: each row counts as it does in its block.
    public func fullSegmentFLOPs(segment: Int, segmentLength: Int, length: Int) -> Int {
        let rows = Self.rows(segment: segment, segmentLength: segmentLength, length: length), own = layer.attention
        var elements = 0
        for row in rows { elements += Attention.fullScores(ofRow: row, length: length) }
        return 2 * (rows.count * width * (own.columns + own.width) + 2 * elements * own.width)
    }

    private static func rows(segment: Int, segmentLength: Int, length: Int) -> Range<Int> {
        let first = segment * segmentLength
        precondition(
            segment >= 0 && segmentLength >= 1 && first < length,
            "segment \(segment) of \(segmentLength) in \(length) tokens")
        return first..<min(first + segmentLength, length)
    }
}
