/// An option, declared once: its name, what it is for, which values can be, and what it rules out. Help, refusals,
/// configuration files and what runs write of themselves follow from it.
///
/// One that is nothing where it is not given; a `DefaultedOption` has a value there.
public struct NamedOption<Value: OptionValue>: AnyOption {
    public let facts: OptionFacts
    /// Nil where every value can be.
    public let limit: Limit<Value>?

    /// - Parameters:
    ///   - name: without dashes.
    ///   - valueName: what stands for the value in help.
    ///   - help: a sentence with its end; without one where `otherwise` is given, which ends it.
    ///   - standing: what stands where it is not given, as help tells it; nil where help says so itself.
    ///   - limit: which values can be; nil for all.
    ///   - isText: whether its value is text that a configuration file quotes: YAML reads `on` and `4:16` as something else.
    ///   - excludes: options that this one takes the place of: on the command line it rules out a file's.
    ///   - restsOn: options without which its value means nothing: on the command line they rule out a file's.
    ///   - isForTraining: whether it concerns training alone, so that nothing but drrl-train takes it.
    public init(
        _ name: String, _ valueName: String, _ help: String, otherwise standing: String? = nil, _ limit: Limit<Value>? = nil,
        isText: Bool = false, excludes: Set<String> = [], restsOn: Set<String> = [], isForTraining: Bool = false
    ) {
        facts = OptionFacts(
            name: name, valueName: valueName, help: standing.map { "\(help) (default: \($0))." } ?? help, isText: isText,
            excludes: excludes, restsOn: restsOn, isForTraining: isForTraining)
        self.limit = limit
    }

    public var valueType: any OptionValue.Type { Value.self }

    /// What `text` says.
    ///
    /// - Throws: `ConfigurationError` for text that is no such value, or one that cannot be.
    public func value(of text: String) throws(ConfigurationError) -> Value {
        guard let value = Value(optionText: text) else {
            throw ConfigurationError("\(option: name) \(text): \(Value.expected)")
        }
        if let limit, !limit.allows(value) {
            throw ConfigurationError("\(option: name) is \(value.optionText); \(limit.words(value))")
        }
        return value
    }

    public func check(_ text: String) throws(ConfigurationError) { _ = try value(of: text) }
}

/// A `NamedOption` with a value that stands where it is not given.
public struct DefaultedOption<Value: OptionValue>: AnyOption {
    /// It without that value.
    public let named: NamedOption<Value>
    /// What stands where it is not given.
    public let standing: Value

    /// - Parameters:
    ///   - help: a sentence without its end, which the default makes.
    ///   - standing: what stands where it is not given.
    ///   - limit, isText, excludes, restsOn, isForTraining: as of a `NamedOption`.
    public init(
        _ name: String, _ valueName: String, _ help: String, default standing: Value, _ limit: Limit<Value>? = nil,
        isText: Bool = false, excludes: Set<String> = [], restsOn: Set<String> = [], isForTraining: Bool = false
    ) {
        let text = standing.optionText
        named = NamedOption(
            name, valueName, help, otherwise: text.hasSuffix(".0") ? String(text.dropLast(2)) : text, limit, isText: isText,
            excludes: excludes, restsOn: restsOn, isForTraining: isForTraining)
        self.standing = standing
    }

    public var facts: OptionFacts { named.facts }
    public var valueType: any OptionValue.Type { Value.self }
    public func check(_ text: String) throws(ConfigurationError) { try named.check(text) }
}

/// What is said of an option, whatever its value is.
public struct OptionFacts: Sendable {
    /// Without dashes.
    public let name: String
    /// What stands for the value in help.
    public let valueName: String
    /// What it is for and what stands where it is not given.
    public let help: String
    /// Whether a configuration file quotes its value.
    public let isText: Bool
    /// Options that this one takes the place of.
    public let excludes: Set<String>
    /// Options without which its value means nothing.
    public let restsOn: Set<String>
    /// Whether nothing but drrl-train takes it.
    public let isForTraining: Bool
}

/// A `NamedOption` or `DefaultedOption` of any value.
public protocol AnyOption: Sendable {
    var facts: OptionFacts { get }
    var valueType: any OptionValue.Type { get }
    /// - Throws: `ConfigurationError` for text that is no such value, or one that cannot be.
    func check(_ text: String) throws(ConfigurationError)
}

/// As its facts have them.
extension AnyOption {
    public var name: String { facts.name }
    public var valueName: String { facts.valueName }
    public var help: String { facts.help }
    public var isText: Bool { facts.isText }
    public var excludes: Set<String> { facts.excludes }
    public var restsOn: Set<String> { facts.restsOn }
    public var isForTraining: Bool { facts.isForTraining }
}
