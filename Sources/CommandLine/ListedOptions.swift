import ArgumentParser
import Corpus
import Kernels
import Options

/// Options that stand in a list, each declared once, so that adding one touches its declaration alone.
///
/// ArgumentParser finds a type's options by reflection, which shows those of `listed`, and decodes what was given.
public protocol ListedOptions: ParsableArguments, CustomReflectable {
    /// In the order of help.
    static var listed: [any AnyOption] { get }
    /// What was given.
    var values: OptionValues { get set }
}

extension ListedOptions {
    public var customMirror: Mirror {
        Mirror(self, children: Self.listed.map { (label: $0.name, value: $0.valueType.declaration(of: $0)) })
    }

    /// From what ArgumentParser read.
    ///
    /// - Throws: what its decoder throws.
    public init(from decoder: any Swift.Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: OptionKey.self)
        for option in Self.listed {
            values[option] = try option.valueType.text(in: container, OptionKey(stringValue: option.name))
        }
    }
}

extension Precision: ExpressibleByArgument, OptionWord {}
extension SpecialText: ExpressibleByArgument, OptionWord {}

/// An option by its name.
private struct OptionKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
}

/// A seed as it is typed.
///
/// - Throws: `ValidationError` for what is none.
@Sendable public func seedNumber(_ text: String) throws -> UInt64 {
    guard let seed = UInt64(text) else {
        throw ValidationError("a seed is a whole number from 0 to \(UInt64.max)")
    }
    return seed
}

/// How ArgumentParser reads each kind of value: numbers and words it knows itself, a seed in its own words, other kinds as
/// text, which the option's own check reads.
extension OptionValue {
    /// The option as `@Option` or `@Flag` would declare it.
    fileprivate static func declaration(of option: any AnyOption) -> any Decodable {
        let name: NameSpecification = .customLong(option.name)
        let help = asFlags(option.help), valued = ArgumentHelp(help, valueName: option.valueName)
        if self == Bool.self { return Flag(wrappedValue: false, name: name, help: ArgumentHelp(help)) }
        if self == UInt64.self {
            return Option<UInt64?>(wrappedValue: nil, name: name, help: valued, transform: seedNumber)
        }
        func read<Value: ExpressibleByArgument>(_ type: Value.Type) -> any Decodable {
            Option<Value?>(wrappedValue: nil, name: name, help: valued)
        }
        guard let type = self as? any ExpressibleByArgument.Type else { return read(String.self) }
        return read(type)
    }

    /// What was given for the option of that key; nil where nothing was.
    fileprivate static func text(in container: KeyedDecodingContainer<OptionKey>, _ key: OptionKey) throws -> String? {
        if self == Bool.self { return try container.decode(Flag<Bool>.self, forKey: key).wrappedValue ? "true" : nil }
        func read<Value: ExpressibleByArgument & OptionValue>(_ type: Value.Type) throws -> String? {
            try container.decode(Option<Value?>.self, forKey: key).wrappedValue?.optionText
        }
        guard let type = self as? any (ExpressibleByArgument & OptionValue).Type else { return try read(String.self) }
        return try read(type)
    }
}
