import ArgumentParser
import LowRank
import Options

/// How attention runs, as both programs ask it; `RankOptions.init(_:headWidth:context:)` resolves it.
///
/// Options that a strategy or approximation has for itself are declared with it; those here are for all.
public struct AttentionOptions: ListedOptions {
    public static let attention = NamedOption<String>(
        "attention", "strategy",
        "\(FullAttention.name); low rank: \(strategies); or \(approximations) (default: full, or what a checkpoint to "
            + "evaluate was trained with).")
    public static let levels = NamedOption<String>(
        "levels", "s:v,…",
        "Nested pairs score rank:value rank, cheapest first (default at head width 64: 2:8,4:16,4:24,4:32,8:32,16:32).",
        isText: true, excludes: ["rank-min", "rank-max", "rank-step"], restsOn: ["width", "heads"])
    public static let rankMin = NamedOption<Int>(
        "rank-min", "r", "Levels r:r instead, from this rank (default with its like: 16)", excludes: ["levels"])
    public static let rankMax = NamedOption<Int>("rank-max", "r", "… to this rank (64)", excludes: ["levels"])
    public static let rankStep = NamedOption<Int>("rank-step", "r", "… in steps (8).", excludes: ["levels"])
    public static let segment = NamedOption<Int>(
        "segment", "n", "Tokens that share a level; divides the context (default: 128, or the nearest that does).",
        restsOn: ["context"])
    public static let basis = DefaultedOption<BasisSource>(
        "basis", "basis",
        "Below full rank, in evaluation: resident, the bases of training, or online, refined from each sequence's own "
            + "earlier segments", default: .resident)
    public static let exactRecent = NamedOption<ExactRecent>(
        "exact-recent", "n|off",
        "Below full rank: segments before its own whose keys a token attends to at all columns, and its own always; off: the "
            + "level is for all keys, its own segment's too (default: 1; off for \(measuring)).")
    public static let exactFirst = DefaultedOption<Int>(
        "exact-first", "n", "… and so many first tokens of a sequence", default: 4,
        Limit("it must be 0 or more tokens") { (0...1_000_000_000).contains($0) })
    public static let valueBasis = DefaultedOption<ValueMeasure>(
        "value-basis", "measure",
        "Below full rank, what value bases keep best: energy, the values themselves; loss, what the loss sees of them, where "
            + "drrl calibrate has looked", default: .loss)

    /// Those that mean something only where levels are named.
    public static let belowFullRank: [any AnyOption] = [basis, exactRecent, exactFirst, valueBasis]
    /// Those that list levels.
    public static let lists: [any AnyOption] = [levels, rankMin, rankMax, rankStep]

    /// All of them, those of strategies and approximations last.
    public static let listed: [any AnyOption] =
        [attention] + lists + [segment] + belowFullRank + AttentionRegistry.options.filter { !$0.isForTraining }

    public var values = OptionValues()

    /// Nothing given.
    public init() {}

    /// Whether a list of levels is given, one by one or as a range.
    public var namesLevels: Bool { Self.lists.contains { values[$0] != nil } }

    private static let measuring = AttentionRegistry.strategies.filter { $0.measuresReward }.map { $0.name }
        .joined(separator: " and ")
    private static let strategies = AttentionRegistry.strategies.map { $0.name }.joined(separator: ", ")
    private static let approximations = AttentionRegistry.approximations.map { $0.name }.joined(separator: ", ")
}

/// How a policy learns: what its declaration says is for training.
public struct LearningOptions: ListedOptions {
    public static let listed = AttentionRegistry.options.filter(\.isForTraining)
    public var values = OptionValues()

    /// Nothing given.
    public init() {}
}

extension BasisSource: OptionWord {}
extension ValueMeasure: OptionWord {}

/// What `--exact-recent` says.
public enum ExactRecent: OptionValue {
    case off
    /// Segments before a token's own.
    case segments(Int)

    public init?(optionText: String) {
        if optionText == "off" {
            self = .off
        } else if let count = Int(optionText), (0...1_000_000).contains(count) {
            self = .segments(count)
        } else {
            return nil
        }
    }

    public var optionText: String {
        switch self {
        case .off: "off"
        case .segments(let count): "\(count)"
        }
    }

    public static let expected = "give a number of segments, 0 or more, or off"
}
