/// What an option can be told: it is read from text, and written as text that reads back the same.
public protocol OptionValue: Equatable, Sendable {
    /// Nil for text that is none.
    init?(optionText: String)
    var optionText: String { get }
    /// What to give in place of text that is none, e.g. `choose on or off`.
    static var expected: String { get }
}

/// One of a few names.
public protocol OptionWord: OptionValue, CaseIterable, RawRepresentable where RawValue == String {}

extension OptionWord {
    public init?(optionText: String) { self.init(rawValue: optionText) }
    public var optionText: String { rawValue }
    public static var expected: String { "choose \(allCases.map(\.rawValue).joined(separator: " or "))" }
}

extension Int: OptionValue {
    public init?(optionText: String) { self.init(optionText) }
    public var optionText: String { "\(self)" }
    public static var expected: String { "give a whole number" }
}

extension UInt64: OptionValue {
    public init?(optionText: String) { self.init(optionText) }
    public var optionText: String { "\(self)" }
    public static var expected: String { "give a whole number from 0 to \(max)" }
}

extension Float: OptionValue {
    public init?(optionText: String) { self.init(optionText) }
    public var optionText: String { "\(self)" }
    public static var expected: String { "give a number" }
}

extension Double: OptionValue {
    public init?(optionText: String) { self.init(optionText) }
    public var optionText: String { "\(self)" }
    public static var expected: String { "give a number" }
}

extension String: OptionValue {
    public init?(optionText: String) { self = optionText }
    public var optionText: String { self }
    public static var expected: String { "give a text" }
}

/// Of a flag, which is given without a value.
extension Bool: OptionValue {
    public init?(optionText: String) { self.init(optionText) }
    public var optionText: String { "\(self)" }
    public static var expected: String { "choose true or false" }
}

/// Which values of an option can be.
public struct Limit<Value>: Sendable {
    /// What is told where a value cannot be, e.g. `it must be above 0`.
    public let words: @Sendable (Value) -> String
    public let allows: @Sendable (Value) -> Bool

    /// - Parameters:
    ///   - words: what is told where a value cannot be.
    ///   - allows: whether a value can be.
    public init(_ words: String, _ allows: @escaping @Sendable (Value) -> Bool) {
        self.words = { _ in words }
        self.allows = allows
    }
}

extension Limit where Value == Int {
    /// The whole numbers of `range`.
    public static func within(_ range: ClosedRange<Int>) -> Limit {
        Limit(
            words: { "it must be at \($0 < range.lowerBound ? "least \(range.lowerBound)" : "most \(range.upperBound)")" },
            allows: { range.contains($0) })
    }

    private init(words: @escaping @Sendable (Int) -> String, allows: @escaping @Sendable (Int) -> Bool) {
        self.words = words
        self.allows = allows
    }
}
