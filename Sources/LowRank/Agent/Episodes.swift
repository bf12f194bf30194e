import Kernels

// E episodes of S segments each, K levels.

/// What became of one layer's decisions for the sequences of a micro-batch, until the step's end.
public struct Episodes: Sendable {
    /// The layer's number in the model.
    let layer: Int
    let state: PolicyState
    /// What the network made of it when it chose, where that is kept.
    let embedding: PolicyNetwork.Embedding?
    /// [K] which actions the guard let stand.
    let allowed: [Bool]
    /// How many of them it did not.
    var masked: Int { allowed.filter { !$0 }.count }
    /// [E, S] indices of the levels taken.
    let actions: [Int]
    /// [E, S] ln π of each when it was taken.
    let logProbabilities: [Double]
    /// [E, S] Eq. 12.
    let rewards: [Double]
    /// [E, S], once the step has ended.
    var advantages: [Double] = []

    public init(
        layer: Int, state: PolicyState, embedding: PolicyNetwork.Embedding? = nil, allowed: [Bool], actions: [Int],
        logProbabilities: [Double], rewards: [Double]
    ) {
        let count = state.episodes * state.segments
        precondition(actions.count == count && logProbabilities.count == count && rewards.count == count)
        self.layer = layer
        self.state = state
        self.embedding = embedding
        self.allowed = allowed
        self.actions = actions
        self.logProbabilities = logProbabilities
        self.rewards = rewards
    }
}
