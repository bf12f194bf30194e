import Transformer

/// Who names the levels of attention.
public enum Strategy: Codable, Equatable, Sendable {
    /// Full attention; no level is named.
    case full
    /// One level everywhere, or one for each of the model's layers.
    case fixed([Level])
    /// A level of the list, drawn for each step, sample, layer and segment: with the probabilities given for each layer
    /// of the model, [N][levels], or all alike.
    case random([[Double]]? = nil)
    /// The cheapest level of the list whose score and value NER (Eq. 15) reach the threshold, for each layer.
    case energy(Double)
    /// The level that the trained policy draws, or finds likeliest.
    case policy(AgentOptions)
    /// The level whose reward, tried for every level at rows of the segment before, was best; the largest at first.
    case oracle(RewardWeights)
    /// Performer attention of this many random features a head; no level is named.
    case performer(features: Int)
    /// Nyström attention with this many landmarks a segment; no level is named.
    case nystrom(landmarks: Int)

    /// Its name on the command line.
    public var name: String {
        switch self {
        case .full: "full"
        case .fixed: "fixed"
        case .random: "random"
        case .energy: "energy"
        case .policy: "policy"
        case .oracle: "oracle"
        case .performer: "performer"
        case .nystrom: "nystrom"
        }
    }

    /// Whether it names levels, and so needs bases.
    public var namesLevels: Bool { !Self.withoutLevels.contains(name) }

    /// Names of those that need no bases.
    public static let withoutLevels: Set = ["full", "performer", "nystrom"]
}

/// How a run attends: the levels there are, the segments they hold for, and who names them.
public struct RankOptions: Codable, Equatable, Sendable {
    public var strategy: Strategy
    /// Cheapest first, nested; those of `fixed` are as they are.
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

    public init(strategy: Strategy, levels: [Level], segment: Int, basis: BasisSource = .resident) {
        self.strategy = strategy
        self.levels = levels
        self.segment = segment
        bases = basis
    }

    /// How layers attend where no level is named; `seed` is the run's.
    public func attentionKind(seed: UInt64) -> AttentionKind {
        switch strategy {
        case .performer(let features): .performer(features: features, seed: seed)
        case .nystrom(let landmarks): .nystrom(landmarks: landmarks, segment: segment)
        default: .softmax
        }
    }

    /// S = ⌈L / T⌉, for an L of 1 or more.
    public func segments(of length: Int) -> Int { (length - 1) / segment + 1 }

    /// The levels that layer `layer` of the model may run at.
    public func levels(ofLayer layer: Int) -> [Level] {
        guard case .fixed(let fixed) = strategy else { return levels }
        return [fixed.count == 1 ? fixed[0] : fixed[layer]]
    }

    /// The ranks at which a layer's keys and values are projected.
    public func largestLevel(ofLayer layer: Int) -> Level {
        let levels = levels(ofLayer: layer)
        return Level(
            scoreRank: levels.map(\.scoreRank).max() ?? 1, valueRank: levels.map(\.valueRank).max() ?? 1)
    }

    /// Throws `LevelError` where segments are empty, levels are not nested or exceed the head width, or there are not
    /// as many fixed levels or histograms as layers.
    func check(_ configuration: ModelConfiguration) throws(LevelError) {
        guard segment >= 1 else { throw LevelError(description: "segment is \(segment); it must be 1 or more") }
        let d = configuration.headWidth, N = configuration.layers
        guard case .fixed(let fixed) = strategy else {
            let count = try LevelList(levels, headWidth: d).count
            guard case .random(let histogram?) = strategy else { return }
            guard histogram.count == N, histogram.allSatisfy({ $0.count == count && $0.reduce(0, +) > 0 }) else {
                throw LevelError(description: "a histogram needs \(count) shares for each of \(N) layers")
            }
            return
        }
        guard fixed.count == 1 || fixed.count == N else {
            throw LevelError(description: "\(fixed.count) fixed levels for \(N) layers; give one, or one a layer")
        }
        for level in fixed { _ = try LevelList([level], headWidth: d) }
    }

    /// The pairs that the design's measurement at d = 64 suggests, scaled to other head widths.
    public static func defaultLevels(headWidth d: Int) -> [Level] {
        var levels: [Level] = []
        for (score, value) in [(2, 8), (4, 16), (4, 24), (4, 32), (8, 32), (16, 32)] {
            let level = Level(scoreRank: max(1, score * d / 64), valueRank: max(1, value * d / 64))
            if levels.last != level { levels.append(level) }
        }
        return levels
    }
}
