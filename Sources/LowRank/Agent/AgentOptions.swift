/// The weights of the reward, Eq. 12 (Erden 2025, arXiv 2512.15973):
/// R = α sim(O_full, O_r) − β FLOPs(r) / FLOPs(full) − γ ‖ΔA‖_F / ‖A‖_F.
public struct RewardWeights: Codable, Equatable, Sendable {
    /// α, of the cosine between full and truncated outputs.
    public var alpha: Double
    /// β, of the FLOPs.
    public var beta: Double
    /// γ, of the change in the scores.
    public var gamma: Double

    /// The paper's α and γ, unless told; its β of 0.05 is so small that the largest level always pays (docs/policy.md).
    public init(alpha: Double = 1, beta: Double = 0.4, gamma: Double = 0.1) {
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
    }
}

/// How the policy is trained.
public struct AgentOptions: Codable, Equatable, Sendable {
    /// How a step's decisions change the policy.
    public enum Update: String, Codable, Equatable, Sendable, CaseIterable {
        /// One gradient step (Williams 1992).
        case reinforce
        /// A few epochs on the clipped ratio (Schulman et al. 2017).
        case ppo
    }

    public var reward = RewardWeights()
    /// The guard of Eq. 10: ε_0 and its decay a step; nil without one.
    public var tolerance: Guard?
    /// λ, which multiplies the policy's learning rate: Adam does not see the scale of a loss.
    public var weight = 1.0
    /// What a return keeps of the next segment's, 0 … 1.
    public var discount = 0.5
    public var update = Update.reinforce
    /// Weight of the entropy in the loss, against a policy that is sure before it knows.
    public var entropyWeight = 0.1
    /// Steps that first imitate the energy rule.
    public var warmStart = 0
    /// The share of energy that this rule keeps.
    public var energy = 0.95
    /// Decides the policy's first weights and its draws; the run's seed where it is nil.
    public var seed: UInt64?

    public init() {}
}
