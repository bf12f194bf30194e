import ArgumentParser
import DynamicRank

/// Options that stand in a list instead of in declarations, so that adding one touches the list alone.
///
/// ArgumentParser finds a type's options by reflection, which shows those of `listed`, and decodes what was given.
public protocol ListedOptions: ParsableArguments, CustomReflectable {
    static var listed: [AttentionOption] { get }
    /// What was given.
    var values: OptionValues { get set }
}

extension ListedOptions {
    public var customMirror: Mirror {
        Mirror(self, children: Self.listed.map { (label: $0.name, value: $0.declaration) })
    }

    public init(from decoder: any Swift.Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: OptionKey.self)
        for option in Self.listed { values[option] = try option.text(in: container) }
    }
}

/// How attention runs: what strategies and approximations are told, in training and evaluation alike.
public struct ModeOptions: ListedOptions {
    public static let listed = AttentionRegistry.options.filter { !$0.isForTraining }
    public var values = OptionValues()

    public init() {}
}

/// How a policy learns.
public struct LearningOptions: ListedOptions {
    public static let listed = AttentionRegistry.options.filter(\.isForTraining)
    public var values = OptionValues()

    public init() {}
}

/// An option by its name.
private struct OptionKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
}

extension AttentionOption {
    /// As `@Option` would declare it.
    fileprivate var declaration: any Decodable {
        let name: NameSpecification = .customLong(self.name), help = ArgumentHelp(self.help, valueName: valueName)
        return switch kind {
        case .text, .word: Option<String?>(wrappedValue: nil, name: name, help: help)
        case .whole: Option<Int?>(wrappedValue: nil, name: name, help: help)
        case .number: Option<Double?>(wrappedValue: nil, name: name, help: help)
        case .seed: Option<UInt64?>(wrappedValue: nil, name: name, help: help, transform: seedNumber)
        }
    }

    /// What was given for it; nil where nothing was.
    fileprivate func text(in container: KeyedDecodingContainer<OptionKey>) throws -> String? {
        let key = OptionKey(stringValue: name)
        return switch kind {
        case .text, .word: try container.decode(Option<String?>.self, forKey: key).wrappedValue
        case .whole: try container.decode(Option<Int?>.self, forKey: key).wrappedValue.map { "\($0)" }
        case .number: try container.decode(Option<Double?>.self, forKey: key).wrappedValue.map { "\($0)" }
        case .seed: try container.decode(Option<UInt64?>.self, forKey: key).wrappedValue.map { "\($0)" }
        }
    }
}
