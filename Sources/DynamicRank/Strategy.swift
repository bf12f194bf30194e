/// Who names the levels of attention.
public enum Strategy: Codable, Equatable, Sendable {
    /// Full attention; no level is named.
    case full
    /// One level everywhere.
    case fixed(Level)
    /// Any level of the list with equal probability, drawn for each step, sample, layer and segment.
    case random
    /// The cheapest level of the list whose score and value NER (Eq. 15) reach the threshold, for each layer.
    case energy(Double)

    /// Its name on the command line.
    public var name: String {
        switch self {
        case .full: "full"
        case .fixed: "fixed"
        case .random: "random"
        case .energy: "energy"
        }
    }
}

/// How a run attends: the levels there are, the segments they hold for, and who names them.
public struct RankOptions: Codable, Equatable, Sendable {
    public var strategy: Strategy
    /// Cheapest first, nested; a fixed level is the only one.
    public var levels: [Level]
    /// T, tokens a segment.
    public var segment: Int

    public init(strategy: Strategy, levels: [Level], segment: Int) {
        self.strategy = strategy
        self.levels = levels
        self.segment = segment
    }

    /// The pairs that the design's measurement at d = 64 suggests, scaled to other head widths.
    public static func defaultLevels(headWidth d: Int) -> [Level] {
        var levels: [Level] = []
        for (score, value) in [(4, 16), (8, 16), (8, 32), (16, 32), (16, 64)] {
            let level = Level(scoreRank: max(1, score * d / 64), valueRank: max(1, value * d / 64))
            if levels.last != level { levels.append(level) }
        }
        return levels
    }
}
