// D width, H heads of width d; T tokens a segment, L a sequence; r, rv a segment's ranks, R, Rv the largest.

extension ModelConfiguration {
    /// Floating-point operations that segment `segment` (from 0) of one sequence executes forward in one layer at `level`:
    /// projections, scores and values as `FlopCounter` counts them, masked parts of tiles included. Summed over the
    /// segments of every sequence and layer they are the counter's; folding is upkeep and no segment's.
    ///
    /// - Parameters:
    ///   - largest: the largest score rank and value rank of the layer's levels, at which keys and values are projected.
    ///   - segmentLength: T; the last segment of a sequence may be shorter.
    ///   - length: L.
    public func segmentFLOPs(
        level: AttentionLevel, largest: AttentionLevel, segment: Int, segmentLength: Int, length: Int
    ) -> Int {
        let rows = Self.rows(segment: segment, segmentLength: segmentLength, length: length)
        let (r, rv) = (level.scoreRank, level.valueRank)
        // Queries and outputs at the segment's ranks, keys and values at the largest.
        let projections = rows.count * width * (r + rv + largest.scoreRank + largest.valueRank)
        var elements = 0
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Attention.queryTile) {
            let end = min(first + Attention.queryTile, rows.upperBound)
            elements += (end - first) * end
        }
        return 2 * heads * (projections + elements * (r + rv))
    }

    /// The same for full attention, whose tiles do not stop where segments do: each row counts as it does in its tile.
    public func fullSegmentFLOPs(segment: Int, segmentLength: Int, length: Int) -> Int {
        let rows = Self.rows(segment: segment, segmentLength: segmentLength, length: length)
        var elements = 0, row = rows.lowerBound
        while row < rows.upperBound {
            let end = min((row / Attention.queryTile + 1) * Attention.queryTile, length)
            let next = min(end, rows.upperBound)
            elements += (next - row) * end
            row = next
        }
        return 4 * width * (2 * rows.count * width + elements)
    }

    private static func rows(segment: Int, segmentLength: Int, length: Int) -> Range<Int> {
        let first = segment * segmentLength
        precondition(
            segment >= 0 && segmentLength >= 1 && first < length,
            "segment \(segment) of \(segmentLength) in \(length) tokens")
        return first..<min(first + segmentLength, length)
    }
}
