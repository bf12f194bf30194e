import Model

/// What was decided for one layer and micro-batch. Lists are [B × S], sequence by sequence.
public struct Decisions: Sendable {
    let levels: SegmentLevels
    /// ln of the probability with which the policy drew the level; nil where no policy did.
    var logProbabilities: [Double]?
    /// Finds the rewards (Eq. 12) from what attention gave, and learns from them; nil where nothing is learnt.
    var measureRewards: (@Sendable (AttentionOutput) -> [Double])?
}
