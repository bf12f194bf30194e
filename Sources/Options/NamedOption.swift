/// An option, declared once: its name, what it is for, what stands where it is not given, which values can be, and what it
/// rules out. Help, refusals, configuration files and what runs write of themselves follow from it.
public struct NamedOption<Value: OptionValue>: AnyOption {
    public let name: String
    public let valueName: String
    public let help: String
    public let isText: Bool
    public let excludes: Set<String>
    public let restsOn: Set<String>
    public let isForTraining: Bool
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
        self.name = name
        self.valueName = valueName
        self.help = standing.map { "\(help) (default: \($0))." } ?? help
        self.limit = limit
        self.isText = isText
        self.excludes = excludes
        self.restsOn = restsOn
        self.isForTraining = isForTraining
    }

    /// The same with a value that stands where it is not given.
    public init(
        _ name: String, _ valueName: String, _ help: String, default standing: Value, _ limit: Limit<Value>? = nil,
        isText: Bool = false, excludes: Set<String> = [], restsOn: Set<String> = [], isForTraining: Bool = false
    ) {
        let text = standing.optionText
        self.init(
            name, valueName, help, otherwise: text.hasSuffix(".0") ? String(text.dropLast(2)) : text, limit, isText: isText,
            excludes: excludes, restsOn: restsOn, isForTraining: isForTraining)
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

/// A `NamedOption`, whatever its value is.
public protocol AnyOption: Sendable {
    /// Without dashes.
    var name: String { get }
    /// What stands for the value in help.
    var valueName: String { get }
    /// What it is for and what stands where it is not given.
    var help: String { get }
    /// Whether a configuration file quotes its value.
    var isText: Bool { get }
    /// Options that this one takes the place of.
    var excludes: Set<String> { get }
    /// Options without which its value means nothing.
    var restsOn: Set<String> { get }
    /// Whether nothing but drrl-train takes it.
    var isForTraining: Bool { get }
    var valueType: any OptionValue.Type { get }
    /// - Throws: `ConfigurationError` for text that is no such value, or one that cannot be.
    func check(_ text: String) throws(ConfigurationError)
}

/// What options were given: for each its value as text.
public struct OptionValues: Equatable, Sendable {
    private var texts: [String: String] = [:]

    public init() {}

    /// Nil where it was not given.
    public subscript(option: any AnyOption) -> String? {
        get { texts[option.name] }
        set { texts[option.name] = newValue }
    }

    /// The names of those that were given.
    public var names: Set<String> { Set(texts.keys) }

    /// What was given for an option; nil where nothing was.
    ///
    /// - Throws: `ConfigurationError` for a value that cannot be.
    public func value<Value>(of option: NamedOption<Value>) throws(ConfigurationError) -> Value? {
        guard let text = texts[option.name] else { return nil }
        return try option.value(of: text)
    }

    /// These and `other`'s, which win.
    public func merging(_ other: OptionValues) -> OptionValues {
        var both = self
        both.texts.merge(other.texts) { $1 }
        return both
    }

    /// Those of `options` alone.
    public func restricted(to options: [any AnyOption]) -> OptionValues {
        let names = Set(options.map(\.name))
        var own = self
        own.texts = texts.filter { names.contains($0.key) }
        return own
    }
}
