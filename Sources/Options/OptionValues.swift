/// What options were given: for each its value as text.
public struct OptionValues: Equatable, Sendable {
    private var texts: [String: String] = [:]

    /// Nothing given.
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

    /// What was given for an option, else its default.
    ///
    /// - Throws: `ConfigurationError` for a value that cannot be.
    public func value<Value>(of option: DefaultedOption<Value>) throws(ConfigurationError) -> Value {
        try value(of: option.named) ?? option.standing
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
