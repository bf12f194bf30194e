import DynamicRank

/// What `--strategies` and `--reference` name: one row of the table or several, in the table's order.
enum Entry: String, CaseIterable {
    /// Full attention, which all ratios refer to.
    case full
    /// Each level of the list, everywhere.
    case fixed
    case energy
    /// Any of the levels, all alike.
    case random
    /// The policy, where the checkpoint has one for these levels and segments.
    case policy
    /// `fixed` at the level whose FLOPs are nearest to the reference's.
    case nearest
    /// A fixed level for each layer: the best found within the reference's FLOPs.
    case perLayer = "per-layer"
    /// `random` with the reference's own shares of levels, layer by layer.
    case histogram
    /// The best level by the policy's reward, tried at the segment before.
    case oracle
    /// Kernels in the place of softmax.
    case performer, nystrom

    /// Those that follow from the levels and the reference; the others stand by themselves.
    var isDerived: Bool { [.fixed, .nearest, .perLayer, .histogram].contains(self) }
    /// Whether it runs without bases.
    var namesNoLevels: Bool { [.full, .performer, .nystrom].contains(self) }

    /// Those that others can be held against.
    static let references: [Entry] = [.policy, .energy, .random]

    static let choices = names(allCases)
    static func names(_ entries: [Entry]) -> String { entries.map(\.rawValue).joined(separator: ", ") }
}

/// A row of the table: how it attends, and what it is there as.
struct Contender {
    var names: [String]
    let options: RankOptions
}
