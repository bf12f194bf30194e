/// How a message names an option.
public enum OptionName {
    /// Stands before an option's name in a message. It is no character of any text and has no width, so that a message
    /// that nobody spells out reads `batch 1 is less than …`.
    static let mark: Character = "\u{2063}"

    /// A message with its options as a person gives them.
    ///
    /// - Parameters:
    ///   - message: with names as `\(option:)` puts them.
    ///   - prefix: what a name has before it where it is given: two dashes on a command line.
    public static func spelled(_ message: String, prefix: String) -> String {
        message.split(separator: mark, omittingEmptySubsequences: false).joined(separator: prefix)
    }
}

extension DefaultStringInterpolation {
    /// The name of an option, such as `batch`: whoever shows the message spells it as it is given there (`--batch`).
    ///
    /// Layers below the command line name in this way what a person said, and what to say instead.
    public mutating func appendInterpolation(option name: String) {
        appendInterpolation(OptionName.mark)
        appendInterpolation(name)
    }
}
