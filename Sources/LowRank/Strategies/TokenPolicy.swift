import Model
import Options

/// The level that a policy by token finds best: that of least forecast loss + price × FLOPs, as `forecast` has it, where
/// training teaches the forecast what its decisions lose and moves the price until they keep the budget.
///
/// Tokens may share a level by so many: it is then named from the input of the first of them, and what it learns is what the
/// level loses at all of them.
public struct TokenPolicy: ByForecast {
    public static let name = "token-policy"
    public static let isLearned = true
    /// It learns from what levels are estimated to lose, not from Eq. 12.
    public static let measuresReward = false

    static let tokens = DefaultedOption<LevelGrain>(
        "grain", "tokens", "For token-policy: how many tokens of a segment share a level: token, a number or segment",
        default: .tokens(1), isText: true)
    public static let options = [FLOPsBudget.group, AttentionOptionGroup([tokens])]

    public let share: Double
    /// Tokens that share a level, a divisor of a segment's.
    public let grain: Int

    public init(within share: Double) { self.init(within: share, grain: 1) }

    public init(within share: Double, grain: Int) { (self.share, self.grain) = (share, grain) }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        share = try given.value(of: FLOPsBudget.share)
        switch try given.value(of: Self.tokens) {
        case .segment: grain = shape.segment
        case .tokens(let tokens):
            guard shape.segment % tokens == 0 else {
                throw ConfigurationError(
                    "\(option: "grain") \(tokens) does not divide segments of \(shape.segment) tokens; give a divisor")
            }
            grain = tokens
        }
    }

    public init(from decoder: any Swift.Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        share = try fields.decode(Double.self, forKey: .share)
        grain = try fields.decodeIfPresent(Int.self, forKey: .grain) ?? 1
    }

    public var values: [(option: any AnyOption, text: String?)] {
        [(FLOPsBudget.share, "\(share)"), (Self.tokens, LevelGrain.tokens(grain).optionText)]
    }
    public var settings: [String: Double] { ["flops_budget": share, "grain": Double(grain)] }
    public func summary(segment: Int) -> String {
        let by = grain == 1 ? "" : grain == segment ? ", by segment" : ", by \(grain) tokens"
        return "\(Self.name) within \(share) of scores and values\(by)"
    }

    public func makeTokenPolicy(_ known: CalibratedLosses, _ rank: AgentRank) -> TokenPolicyLearner? {
        TokenPolicyLearner(known, within: share, grain: grain, rank)
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        guard let policy = pass.tokenPolicy else { preconditionFailure("no policy by token to name levels by") }
        return pass.chooser(grain: grain) { _, _, length in policy.prices(ofLength: length) }
    }

    private enum CodingKeys: String, CodingKey { case share = "flops_budget", grain }
}

/// How many tokens share a level.
enum LevelGrain: OptionValue {
    case tokens(Int), segment

    init?(optionText text: String) {
        switch text {
        case "token": self = .tokens(1)
        case "segment": self = .segment
        default:
            guard let tokens = Int(text), tokens >= 1 else { return nil }
            self = .tokens(tokens)
        }
    }

    var optionText: String {
        switch self {
        case .tokens(1): "token"
        case .tokens(let tokens): "\(tokens)"
        case .segment: "segment"
        }
    }

    static var expected: String { "give token, segment or a number of tokens of at least 1" }
}

extension AttentionMode where Self == TokenPolicy {
    public static func tokenPolicy(_ share: Double) -> TokenPolicy { TokenPolicy(within: share) }
}
