import Kernels

/// What every level of a list loses at some rows of a layer, in nats.
public struct EstimatedLosses: Sendable {
    public let rows: [LookedRow]
    /// K.
    public let levels: Int
    /// [rows, K].
    public let values: Buffer<Double>

    public init(rows: [LookedRow], levels: Int, values: Buffer<Double>) {
        precondition(values.count == rows.count * levels, "\(values.count) losses of \(rows.count) rows at \(levels) levels")
        self.rows = rows
        self.levels = levels
        self.values = values
    }

    /// What level `level` loses at row number `row`.
    public subscript(row: Int, level: Int) -> Double { values[row * levels + level] }
}
