import LowRank
import Model

/// How many segments of each layer attended at each level.
public struct LevelHistogram: Equatable, Sendable {
    /// K levels, as the strategy lists them.
    public let levels: [Level]
    /// [N][K] segments.
    public private(set) var counts: [[Double]]

    /// Of no segment yet.
    ///
    /// - Parameters:
    ///   - layers: of the model.
    ///   - levels: those that are counted.
    public init(layers: Int, levels: [Level]) {
        self.levels = levels
        counts = Array(repeating: Array(repeating: 0, count: levels.count), count: layers)
    }

    /// From counts in a row, [N × K].
    init(levels: [Level], counts: ArraySlice<Double>) {
        self.levels = levels
        self.counts = stride(from: counts.startIndex, to: counts.endIndex, by: max(1, levels.count)).map {
            Array(counts[$0..<($0 + levels.count)])
        }
    }

    /// Adds a pass's segments; nil for a layer that attended in full, which has no level.
    public mutating func add(_ passed: [SegmentLevels?]) {
        for (layer, segments) in passed.enumerated() {
            for level in segments?.levels ?? [] {
                if let i = levels.firstIndex(of: level) { counts[layer][i] += 1 }
            }
        }
    }

    /// Each level's share of a layer's segments, [N][K]; nil where a layer has none.
    public var shares: [[Double]]? {
        let totals = counts.map { $0.reduce(0, +) }
        guard totals.allSatisfy({ $0 > 0 }) else { return nil }
        return zip(counts, totals).map { row, total in row.map { $0 / total } }
    }

    /// Whether some layer's segments differ in level.
    public var varies: Bool { counts.contains { $0.count { $0 > 0 } > 1 } }
}
