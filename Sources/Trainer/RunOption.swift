import CommandLine
import Foundation
import Model
import Options
import Worker

/// An option of a run, declared once (`RunOptions`): its name, help and limits are a `NamedOption`'s; beside them stand its
/// default, whether `run.yaml` has it, and where a checkpoint's `/config` keeps it.
public struct RunOption<Value: OptionValue, Result>: AnyRunOption {
    let named: NamedOption<Value>
    let group: RunOptionGroup
    private let resolve: @Sendable (RunValues) -> Result
    private let optional: @Sendable (Result) -> Value?
    fileprivate(set) var exclusions: [(other: String, because: String)] = []
    fileprivate(set) var isPath = false
    fileprivate(set) var isWritten: @Sendable (RunValues) -> Bool = { _ in true }
    private var keep: (@Sendable (SavedRun) -> Value)?

    private init(
        _ named: NamedOption<Value>, _ group: RunOptionGroup, resolve: @escaping @Sendable (RunValues) -> Result,
        optional: @escaping @Sendable (Result) -> Value?
    ) {
        self.named = named
        self.group = group
        self.resolve = resolve
        self.optional = optional
    }

    var option: any AnyOption { named }

    /// What a run has for it.
    func value(_ run: RunValues) -> Result { resolve(run) }

    func text(_ run: RunValues) -> String? { optional(resolve(run))?.optionText }

    func changeText(_ run: RunValues) -> String? { keep == nil ? nil : optional(resolve(run)).map(Self.changeText) }

    func changeText(keptBy saved: SavedRun) -> String? { keep.map { Self.changeText($0(saved)) } }

    private static func changeText(_ value: Value) -> String {
        (value as? Float).map { String(format: "%.6g", Double($0)) } ?? value.optionText
    }

    /// The same, refused together with `other`, of which the command line's wins over a file's.
    func excluding(_ other: String, because reason: String) -> Self {
        var own = self
        own.exclusions.append((other, reason))
        return own
    }

    /// The same as a path, which the shell must have expanded.
    func asPath() -> Self {
        var own = self
        own.isPath = true
        return own
    }

    /// The same, written to `run.yaml` only where `isWritten`.
    func written(where isWritten: @escaping @Sendable (RunValues) -> Bool) -> Self {
        var own = self
        own.isWritten = isWritten
        return own
    }

    /// The same, which decides what is learnt: `/config` keeps it, and a run that goes on says where it differs.
    func kept(_ keep: @escaping @Sendable (SavedRun) -> Value) -> Self {
        var own = self
        own.keep = keep
        return own
    }
}

extension RunOption where Result == Value {
    /// - Parameters:
    ///   - group: its place in help.
    ///   - help: a sentence without its end, which the default makes.
    ///   - standing: what stands where it is not given.
    ///   - limit: which values can be; nil for all.
    ///   - ofModel: what stands instead where a run starts from a model.
    init(
        _ group: RunOptionGroup, _ name: String, _ valueName: String, _ help: String, default standing: Value,
        _ limit: Limit<Value>? = nil, ofModel: (@Sendable (ModelConfiguration) -> Value)? = nil
    ) {
        let named = DefaultedOption(name, valueName, help, default: standing, limit).named
        self.init(
            named, group, resolve: { $0.given(named) ?? $0.initialShape.flatMap { ofModel?($0) } ?? standing },
            optional: { $0 })
    }

    /// - Parameters:
    ///   - words: what help says of the default.
    ///   - standing: what stands where it is not given, which depends on other options.
    init(
        _ group: RunOptionGroup, _ name: String, _ valueName: String, _ help: String, otherwise words: String,
        _ limit: Limit<Value>? = nil, standing: @escaping @Sendable (RunValues) -> Value
    ) {
        let named = NamedOption(name, valueName, help, otherwise: words, limit)
        self.init(named, group, resolve: { $0.given(named) ?? standing($0) }, optional: { $0 })
    }
}

extension RunOption where Result == Value? {
    /// One that need not have a value.
    init(
        _ group: RunOptionGroup, _ name: String, _ valueName: String, _ help: String, otherwise words: String? = nil,
        _ limit: Limit<Value>? = nil, isText: Bool = false
    ) {
        self.init(group, NamedOption(name, valueName, help, otherwise: words, limit, isText: isText))
    }

    /// One that is declared elsewhere, and need not have a value.
    init(_ group: RunOptionGroup, _ named: NamedOption<Value>) {
        self.init(named, group, resolve: { $0.given(named) }, optional: { $0 })
    }
}

extension RunOption where Value == Bool, Result == Bool {
    /// A flag.
    init(flag name: String, _ group: RunOptionGroup, _ help: String) {
        let named = NamedOption<Bool>(name, "", help)
        self.init(named, group, resolve: { $0.given(named) ?? false }, optional: { $0 })
    }
}

/// A `RunOption`, whatever its value is.
protocol AnyRunOption: Sendable {
    var option: any AnyOption { get }
    var group: RunOptionGroup { get }
    /// Options that it is refused together with, and why.
    var exclusions: [(other: String, because: String)] { get }
    var isPath: Bool { get }
    /// Whether `run.yaml` has it, where it has a value.
    var isWritten: @Sendable (RunValues) -> Bool { get }
    /// A run's value as text that reads back the same; nil where it has none.
    func text(_ run: RunValues) -> String?
    /// A run's value as a person is told of a change; nil where it does not decide what is learnt, or has none.
    func changeText(_ run: RunValues) -> String?
    /// What a checkpoint's run had; nil where it does not decide what is learnt.
    func changeText(keptBy saved: SavedRun) -> String?
}

/// The headings of help.
enum RunOptionGroup: Sendable {
    case text, model, training, policy, grid, run
}

/// The options of one run: what was given, and defaults for the rest; each under the name of its declaration.
@dynamicMemberLookup
public struct RunValues: Equatable, Sendable {
    private var values: OptionValues
    /// The shape of the model that the run starts from; nil where it starts from weights that are drawn.
    let initialShape: ModelConfiguration?
    /// Whether `drrl calibrate` has looked at that model.
    let isCalibrated: Bool

    /// Checks each value that was given, by itself.
    ///
    /// - Throws: `ConfigurationError` for one that cannot be.
    init(_ given: OptionValues, initialShape: ModelConfiguration?, isCalibrated: Bool) throws(ConfigurationError) {
        for own in RunOptions.list {
            guard let text = given[own.option] else { continue }
            try own.option.check(text)
            if own.isPath { try requireExpanded(text, option: own.option.name) }
        }
        values = given.restricted(to: RunOptions.list.map { $0.option })
        self.initialShape = initialShape
        self.isCalibrated = isCalibrated
        // Two runs are the same where all values are, given or not.
        for own in RunOptions.list { values[own.option] = own.text(self) }
    }

    /// What the run has for an option.
    public subscript<Value, Result>(dynamicMember option: KeyPath<RunOptions, RunOption<Value, Result>>) -> Result {
        RunOptions.all[keyPath: option].value(self)
    }

    /// What stands among the values; nil where nothing does. All were checked.
    fileprivate func given<Value>(_ option: NamedOption<Value>) -> Value? { values[option].flatMap(Value.init(optionText:)) }
}
