import Kernels

/// What low-rank attention gave in a layer and micro-batch, before its projection.
public struct AttentionOutput: Sendable {
    let rows: HeadRows
    let levels: SegmentLevels
    /// L and d.
    let length, headWidth: Int
    /// Whether some of the attention weights were dropped.
    public let hasDropout: Bool

    init(_ rows: HeadRows, levels: SegmentLevels, length: Int, headWidth: Int, hasDropout: Bool) {
        self.rows = rows
        self.levels = levels
        self.length = length
        self.headWidth = headWidth
        self.hasDropout = hasDropout
    }

    /// The output of a head in the value basis at row `row` of sequence `b`: [rv], the value rank at which it is packed.
    public func head(_ h: Int, sequence b: Int, row: Int) -> Buffer<Float> {
        let rank = levels.packed(sequence: b, row: row, headWidth: headWidth).valueRank
        return rows.slice(row: b * length + row, head: h, rank: rank)
    }
}
