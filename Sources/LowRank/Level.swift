import Model

/// An action of the agent: how many columns of the score basis and of the value basis attention reads.
public typealias Level = AttentionLevel

extension AttentionLevel: CustomStringConvertible {
    /// Reads `score:value`, e.g. `8:32`; checks only that both are numbers above 0.
    public init(parsing text: String) throws(LevelError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let score = Self.rank(parts[0]), let value = Self.rank(parts[1]) else {
            throw LevelError(description: "level \"\(text)\" is not a pair of ranks; write score:value, e.g. 8:32")
        }
        self.init(scoreRank: score, valueRank: value)
    }

    private static func rank(_ text: Substring) -> Int? {
        let digits = text.drop { $0 == " " }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let rank = Int(digits), rank > 0 else {
            return nil
        }
        return rank
    }

    public var description: String { "\(scoreRank):\(valueRank)" }
}

/// A level or list of levels that cannot be. The description is one line.
public struct LevelError: Error, Equatable, CustomStringConvertible {
    public let description: String
}

/// The agent's actions, cheapest first: each level holds the one before it in both ranks and is larger in at least one.
public struct LevelList: Equatable, Sendable {
    /// At least one level.
    public let levels: [Level]
    /// d, which no rank exceeds.
    public let headWidth: Int

    /// - Throws: `LevelError` where the list is empty, a rank is outside 1 … d, or levels are not nested and ascending.
    public init(_ levels: [Level], headWidth: Int) throws(LevelError) {
        guard !levels.isEmpty else { throw LevelError(description: "no levels; give at least one, e.g. 8:32") }
        for level in levels {
            for (name, rank) in [("score", level.scoreRank), ("value", level.valueRank)]
            where rank < 1 || rank > headWidth {
                throw LevelError(
                    description: "level \(level): \(name) rank \(rank) must lie between 1 and the head width \(headWidth)")
            }
        }
        for (lower, upper) in zip(levels, levels.dropFirst()) {
            guard lower != upper else { throw LevelError(description: "level \(upper) is given twice") }
            guard upper.scoreRank >= lower.scoreRank, upper.valueRank >= lower.valueRank else {
                throw LevelError(
                    description: "level \(upper) after \(lower) is not nested; neither rank may fall from one to the next")
            }
        }
        self.levels = levels
        self.headWidth = headWidth
    }

    /// Reads `4:16,8:16,8:32`.
    public init(parsing text: String, headWidth: Int) throws(LevelError) {
        var levels: [Level] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            levels.append(try Level(parsing: String(part)))
        }
        try self.init(levels, headWidth: headWidth)
    }

    /// The paper's list: levels r:r for r = rankMin, rankMin + step, …, up to rankMax.
    public init(rankMin: Int, rankMax: Int, step: Int, headWidth: Int) throws(LevelError) {
        guard step >= 1 else { throw LevelError(description: "rank-step is \(step); it must be 1 or more") }
        guard rankMin >= 1 else { throw LevelError(description: "rank-min is \(rankMin); it must be 1 or more") }
        guard rankMin <= rankMax else {
            throw LevelError(description: "rank-min \(rankMin) is above rank-max \(rankMax)")
        }
        guard rankMax <= headWidth else {
            throw LevelError(description: "rank-max \(rankMax) is above the head width \(headWidth)")
        }
        let ranks = Array(Swift.stride(from: rankMin, through: rankMax, by: step))
        try self.init(ranks.map { Level(scoreRank: $0, valueRank: $0) }, headWidth: headWidth)
    }

    public var count: Int { levels.count }

    /// Level `i`, cheapest first.
    public subscript(i: Int) -> Level { levels[i] }
}
