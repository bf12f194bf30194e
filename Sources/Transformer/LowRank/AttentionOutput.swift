import Kernels

/// What low-rank attention gave in a layer and micro-batch, before its projection.
public struct AttentionOutput: Sendable {
    let rows: HeadRows
    let levels: SegmentLevels
    /// L.
    let length: Int
    /// Whether some of the attention weights were dropped.
    public let hasDropout: Bool

    init(_ rows: HeadRows, levels: SegmentLevels, length: Int, hasDropout: Bool) {
        self.rows = rows
        self.levels = levels
        self.length = length
        self.hasDropout = hasDropout
    }

    /// P_rvᵀ o of a head at row `row` of sequence `b`: [rv], the value rank of that row.
    public func head(_ h: Int, sequence b: Int, row: Int) -> Buffer<Float> {
        let rank = levels[sequence: b, row: row].valueRank
        return rows.slice(row: b * length + row, head: h, rank: rank)
    }
}
