import LowRank

/// What `--strategies` and `--reference` name: one row of the table or several.
struct ComparisonEntry: Hashable {
    let type: any NamedChoice.Type

    /// All of the registry, in the table's order, full attention among them.
    static let all = AttentionRegistry.all.map { ComparisonEntry(type: $0) }
    /// Those that others can be held against.
    static let references = all.filter { ($0.type as? any Strategy.Type)?.isReference == true }
    static let choices = names(all)

    var name: String { type.name }
    /// Full attention, which all ratios refer to.
    var isFull: Bool { type == FullAttention.self }
    /// Whether it is a policy, which the checkpoint must hold.
    var isLearned: Bool { (type as? any Strategy.Type)?.isLearned == true }
    /// Whether it compares with full attention, which is measured where positions do not rotate.
    var measuresReward: Bool { (type as? any Strategy.Type)?.measuresReward == true }
    /// Whether it follows from the levels and the reference; the others stand by themselves.
    var derived: (any DerivedStrategy.Type)? { type as? any DerivedStrategy.Type }
    /// Whether it runs in bases.
    var namesLevels: Bool { derived != nil || type is any Strategy.Type }

    static func names(_ entries: [ComparisonEntry]) -> String { entries.map(\.name).joined(separator: ", ") }

    static func == (a: ComparisonEntry, b: ComparisonEntry) -> Bool { a.name == b.name }
    func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A row of the table: how it attends, and what it is there as.
struct ComparedOptions {
    var names: [String]
    let options: RankOptions
}
