import Model
import Options

/// How a run attends: the levels there are, the segments they hold for, and who names them.
public struct RankOptions: Sendable {
    public var mode: any AttentionMode
    /// Cheapest first, nested; those of `fixed` are as they are. Bases are kept for them whoever attends, so that a run may
    /// go on at any of them.
    public var levels: [Level]
    /// T, tokens a segment.
    public var segment: Int
    /// Whose bases evaluation runs in.
    public var basis: BasisSource {
        get { bases ?? .resident }
        set { bases = newValue }
    }
    /// Absent in checkpoints of before there was a choice.
    private var bases: BasisSource?
    /// The keys that no level touches; nil where a level is for all keys, a query's own segment among them.
    public var exact: ExactTokens?
    /// What value bases keep best.
    public var values: ValueMeasure {
        get { valueMeasure ?? .energy }
        set { valueMeasure = newValue }
    }
    /// Absent in checkpoints of before there was a choice.
    private var valueMeasure: ValueMeasure?

    public init(
        mode: some AttentionMode, levels: [Level], segment: Int, basis: BasisSource = .resident, exact: ExactTokens? = nil,
        values: ValueMeasure? = nil
    ) {
        self.mode = mode
        self.levels = levels
        self.segment = segment
        self.exact = exact
        bases = basis
        valueMeasure = values
    }

    /// Who names the levels; nil where none is named, so that no bases are needed.
    public var strategy: (any Strategy)? { mode as? any Strategy }
    public var namesLevels: Bool { strategy != nil }
    /// Whether a policy names them.
    public var isLearned: Bool { strategy.map { type(of: $0).isLearned } ?? false }
    /// What a run calls it.
    public var name: String { type(of: mode).name }

    /// How layers attend where no level is named; `seed` is the run's.
    public func attentionKind(seed: UInt64) -> AttentionKind { mode.kind(segment: segment, seed: seed) }

    /// S = ⌈L / T⌉, for an L of 1 or more.
    public func segments(of length: Int) -> Int { (length - 1) / segment + 1 }

    /// The levels at which a layer's queries and outputs are packed: d:d where some keys are exact.
    public func packedLevels(ofLayer layer: Int, headWidth d: Int) -> [Level] {
        exact == nil ? levels(ofLayer: layer) : [Level(scoreRank: d, valueRank: d)]
    }

    /// The levels that layer `layer` of the model may run at.
    public func levels(ofLayer layer: Int) -> [Level] { strategy?.levels(ofLayer: layer, among: levels) ?? levels }

    /// The ranks at which a layer's keys and values are projected.
    public func largestLevel(ofLayer layer: Int) -> Level {
        let levels = levels(ofLayer: layer)
        return Level(
            scoreRank: levels.map(\.scoreRank).max() ?? 1, valueRank: levels.map(\.valueRank).max() ?? 1)
    }

    /// - Throws: `LevelError` where segments are empty, levels are not nested or exceed the head width, there are not as
    ///   many fixed levels or histograms as layers, or the strategy cannot measure its reward on such a model.
    public func check(_ configuration: ModelConfiguration) throws(LevelError) {
        guard segment >= 1 else { throw LevelError(description: "segment is \(segment); it must be 1 or more") }
        if let strategy, type(of: strategy).measuresReward, configuration.layer.rotation != nil {
            let others = AttentionRegistry.strategies.filter { !$0.measuresReward }.map { $0.name }
            throw LevelError(
                description: "\(option: "attention") \(name) measures rewards, which is not done yet for models with rotary "
                    + "positions; choose \(AttentionRegistry.list(others, "or"))")
        }
        if let strategy, type(of: strategy).measuresReward, exact != nil {
            throw LevelError(
                description: "\(option: "attention") \(name) measures rewards where a level is for all keys; give "
                    + "\(option: "exact-recent") off")
        }
        try mode.check(levels, configuration)
    }

    /// The pairs to choose from unless told, scaled from d = 64 to other head widths: for far keys alone they end at d:d.
    public static func defaultLevels(headWidth d: Int, exact: Bool) -> [Level] {
        let list = exact
            ? [(8, 16), (16, 16), (16, 32), (24, 32), (32, 32), (32, 48), (48, 48), (48, 64), (64, 64)]
            : [(2, 8), (4, 16), (4, 24), (4, 32), (8, 32), (16, 32)]
        var levels: [Level] = []
        for (score, value) in list {
            let level = Level(scoreRank: max(1, score * d / 64), valueRank: max(1, value * d / 64))
            if levels.last != level { levels.append(level) }
        }
        return levels
    }
}

extension RankOptions: Equatable {
    public static func == (a: RankOptions, b: RankOptions) -> Bool {
        a.mode.equals(b.mode) && a.levels == b.levels && a.segment == b.segment && a.bases == b.bases
            && a.exact == b.exact && a.valueMeasure == b.valueMeasure
    }
}

/// As checkpoints hold it in `/config`.
extension RankOptions: Codable {
    private enum CodingKeys: String, CodingKey {
        case mode = "strategy"
        case levels, segment, bases, exact
        case valueMeasure = "value_basis"
    }

    public init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        mode = try container.decode(CodedMode.self, forKey: .mode).mode
        levels = try container.decode([Level].self, forKey: .levels)
        segment = try container.decode(Int.self, forKey: .segment)
        bases = try container.decodeIfPresent(BasisSource.self, forKey: .bases)
        exact = try container.decodeIfPresent(ExactTokens.self, forKey: .exact)
        valueMeasure = try container.decodeIfPresent(ValueMeasure.self, forKey: .valueMeasure)
    }

    public func encode(to encoder: any Swift.Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(CodedMode(mode), forKey: .mode)
        try container.encode(levels, forKey: .levels)
        try container.encode(segment, forKey: .segment)
        try container.encodeIfPresent(bases, forKey: .bases)
        try container.encodeIfPresent(exact, forKey: .exact)
        try container.encodeIfPresent(valueMeasure, forKey: .valueMeasure)
    }
}
