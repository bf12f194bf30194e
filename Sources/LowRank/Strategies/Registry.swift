import Model
import Options

/// Everything that a run, or a row of `drrl compare`, can name.
public enum AttentionRegistry {
    /// In the order of help and of compare's table.
    public static let all: [any NamedChoice.Type] = [
        FullAttention.self, FixedLevels.self, EnergyRule.self, RandomLevels.self, AllocatedLevelsByLayer.self,
        ForecastLevels.self, TokenPolicy.self, LearnedPolicy.self,
        NearestLevel.self, LevelsByLayer.self, LevelShares.self,
        OracleStrategy.self, PerformerMode.self, NystromMode.self,
    ]

    public static let modes = all.compactMap { $0 as? any AttentionMode.Type }
    public static let strategies = all.compactMap { $0 as? any Strategy.Type }
    public static let approximations = all.compactMap { $0 as? any SoftmaxApproximation.Type }

    /// Nil where there is none.
    public static func mode(named name: String) -> (any AttentionMode.Type)? { modes.first { $0.name == name } }

    /// Groups of options, each once, in the order of those that have them.
    public static let groups = modes.reduce(into: [AttentionOptionGroup]()) { groups, mode in
        groups += mode.options.filter { !groups.contains($0) }
    }

    /// Options of one mode or several, each once.
    public static let options = groups.flatMap(\.options)

    /// - Throws: `ConfigurationError` where an option is given that the mode does not have.
    public static func requireOwn(_ given: OptionValues, _ mode: any AttentionMode.Type) throws(ConfigurationError) {
        for group in groups where !mode.options.contains(group) && group.options.contains(where: { given[$0] != nil }) {
            let owners = modes.filter { $0.options.contains(group) }.map { $0.name }
            throw ConfigurationError(
                "\(list(group.options.map { "\(option: $0.name)" }, "and")) \(group.options.count == 1 ? "is" : "are") for "
                    + "\(option: "attention") \(list(owners, "or")), not \(mode.name)")
        }
    }

    /// `a, b and c`.
    public static func list(_ names: [String], _ word: String) -> String {
        guard let last = names.last, names.count > 1 else { return names.first ?? "" }
        return "\(names.dropLast().joined(separator: ", ")) \(word) \(last)"
    }
}
