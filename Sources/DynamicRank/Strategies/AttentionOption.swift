/// An option of the command line that belongs to one way of attending or to several.
public struct AttentionOption: Hashable, Sendable {
    /// What its value is.
    public enum Kind: Sendable {
        /// Text that a configuration file quotes: YAML reads `on` and `4:16` as something else.
        case text
        /// One of a few names.
        case word
        case whole, number
        /// A whole number of 64 bits.
        case seed
    }

    /// Without dashes.
    public let name: String
    public let kind: Kind
    /// What stands for the value in help.
    public let valueName: String
    public let help: String
    /// Options that this one takes the place of: on the command line it rules out a file's.
    public let excludes: Set<String>
    /// Options of the model without which its value means nothing.
    public let restsOn: Set<String>
    /// Whether it concerns training alone, so that nothing but drrl-train takes it.
    public let isForTraining: Bool

    public init(
        _ name: String, _ kind: Kind, _ valueName: String, _ help: String, excludes: Set<String> = [],
        restsOn: Set<String> = [], isForTraining: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.valueName = valueName
        self.help = help
        self.excludes = excludes
        self.restsOn = restsOn
        self.isForTraining = isForTraining
    }
}

/// Options that concern the same thing, and are refused together where it is not there.
public struct AttentionOptionGroup: Equatable, Sendable {
    public let options: [AttentionOption]
    /// Whether they say one thing together: where one is given, the others are not filled in from elsewhere.
    public let standsTogether: Bool

    public init(_ options: [AttentionOption], standsTogether: Bool = false) {
        self.options = options
        self.standsTogether = standsTogether
    }
}

/// What options were given: for each its value as text that was read as the option's kind.
public struct OptionValues: Equatable, Sendable {
    private var texts: [String: String] = [:]

    public init() {}

    /// Nil where it was not given.
    public subscript(option: AttentionOption) -> String? {
        get { texts[option.name] }
        set { texts[option.name] = newValue }
    }

    /// These and `other`'s, which win.
    public func merging(_ other: OptionValues) -> OptionValues {
        var both = self
        both.texts.merge(other.texts) { $1 }
        return both
    }

    /// Those of `options` alone.
    public func restricted(to options: [AttentionOption]) -> OptionValues {
        let names = Set(options.map(\.name))
        var own = self
        own.texts = texts.filter { names.contains($0.key) }
        return own
    }

    func number(_ option: AttentionOption) -> Double? { self[option].flatMap(Double.init) }
    func whole(_ option: AttentionOption) -> Int? { self[option].flatMap { Int($0) } }
}
