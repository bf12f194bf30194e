import Transformer

/// What was decided for one layer and micro-batch. Lists are [B × S], sequence by sequence.
struct Decisions: Sendable {
    let levels: SegmentLevels
    /// ln of the probability with which the policy drew the level; nil where no policy did.
    var logProbabilities: [Double]?
    /// Eq. 12; nil where it was not measured.
    var rewards: [Double]?
}
