import Model
import Options

/// The level that a policy by token finds best: that of least forecast loss + price × FLOPs, as `forecast` has it, where
/// training teaches the forecast what its decisions lose and moves the price until they keep the budget.
public struct TokenPolicy: ByForecast {
    public static let name = "token-policy"
    public static let isLearned = true
    /// It learns from what levels are estimated to lose, not from Eq. 12.
    public static let measuresReward = false

    public let share: Double

    public init(within share: Double) { self.share = share }

    public func makeTokenPolicy(_ known: CalibratedLosses, _ rank: AgentRank) -> TokenPolicyLearner? {
        TokenPolicyLearner(known, within: share, rank)
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        guard let policy = pass.tokenPolicy else { preconditionFailure("no policy by token to name levels by") }
        return pass.chooser { _, _, length in policy.prices(ofLength: length) }
    }

    private enum CodingKeys: String, CodingKey { case share = "flops_budget" }
}

extension AttentionMode where Self == TokenPolicy {
    public static func tokenPolicy(_ share: Double) -> TokenPolicy { TokenPolicy(within: share) }
}
