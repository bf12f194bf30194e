import Kernels
import Model

/// Who names the levels of attention. Levels and segments themselves are the run's (`RankOptions`).
///
/// A level may depend on earlier steps, on earlier segments of the sequence and on counter-based draws, never on a later
/// token nor on the grid.
public protocol Strategy: AttentionMode {
    /// Whether it is a policy: a checkpoint holds what it has learnt, for its levels and segments alone.
    static var isLearned: Bool { get }
    /// Whether its levels follow from what attention reads: else those of a sequence are known as it begins.
    static var followsText: Bool { get }
    /// Whether it compares with full attention (Eq. 12), which is measured where positions do not rotate.
    static var measuresReward: Bool { get }
    /// Whether rows of `drrl compare` can be held against it.
    static var isReference: Bool { get }

    /// The levels that a layer of the model may run at, among those of the run.
    func levels(ofLayer layer: Int, among list: [Level]) -> [Level]
    /// Its policy on one rank and what trains it; nil where it learns nothing.
    func makeAgent(_ rank: AgentRank) -> PolicyAgent?
    /// Its policy by token on one rank, which starts from what `drrl calibrate` found; nil where it has none.
    func makeTokenPolicy(_ known: CalibratedLosses, _ rank: AgentRank) -> TokenPolicyLearner?
    /// - Throws: `LevelError` where it cannot name levels in sequences of `length`, given what is `known` of what levels lose.
    func check(
        _ known: CalibratedLosses?, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int) throws(LevelError)
    /// What names the levels of one pass; made as the pass begins.
    func chooser(for pass: LevelPass) -> LevelChooser
}

extension Strategy {
    public static var isLearned: Bool { false }
    public static var isReference: Bool { false }
    public static var followsText: Bool { measuresReward }
    public static var measuresReward: Bool { isLearned }
    public func levels(ofLayer layer: Int, among list: [Level]) -> [Level] { list }
    public func makeAgent(_ rank: AgentRank) -> PolicyAgent? { nil }
    public func makeTokenPolicy(_ known: CalibratedLosses, _ rank: AgentRank) -> TokenPolicyLearner? { nil }
    public func check(
        _ known: CalibratedLosses?, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) throws(LevelError) {}
}

/// What is decided for a layer and micro-batch of a pass. Called from threads of the team.
public typealias LevelChooser = @Sendable (AttentionInput, MicroBatch) -> Decisions

/// What a strategy may read as a pass begins, for the layers of one stage.
public struct LevelPass {
    let options: RankOptions
    /// By layer of the stage, from `firstLayer`, as the bases stand.
    let spectra: [LayerSpectra]
    let firstLayer: Int
    /// The run's.
    let seed: UInt64
    /// Of training, from 1; 0 in evaluation.
    let step: Int
    let isTraining: Bool
    /// What `makeAgent` made.
    let agent: PolicyAgent?
    /// What `makeTokenPolicy` made.
    let tokenPolicy: TokenPolicyLearner?
    /// Eq. 12 on the bases as they stand.
    let rewardModel: (RewardWeights) -> RewardModel
    /// By layer of the stage; costs a few products.
    let layerFacts: () -> [LayerFacts]
    /// FLOPs that upkeep of the bases takes for each segment of a training step.
    let upkeepFLOPs: Int
    let configuration: ModelConfiguration
    /// What levels lose, where it is known.
    let calibrated: CalibratedLosses?
    let team: Team

    /// Index of the level that the energy rule names, by layer of the stage.
    func energyLevels(keeping share: Double) -> [Int] {
        spectra.map { $0.smallest(of: options.levels, reaching: share) }
    }
}

/// The rank that a policy is made for.
public struct AgentRank {
    let options: RankOptions
    let configuration: ModelConfiguration
    let seed: UInt64
    /// Of the largest micro-batch that it learns from.
    let sequences: Int
    let team: Team
}

extension RankOptions {
    /// A level for each sequence and segment of a micro-batch.
    func decisions(for batch: MicroBatch, _ level: (_ sequence: Int, _ segment: Int) -> Level) -> Decisions {
        let segments = segments(of: batch.length)
        return Decisions(levels: SegmentLevels(
            segment: segment, segments: segments,
            levels: (0..<(batch.sequences * segments)).map { level($0 / segments, $0 % segments) }, exact: exact))
    }
}
