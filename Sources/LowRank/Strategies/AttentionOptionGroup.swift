import Options

/// Options that concern the same thing, and are refused together where it is not there.
public struct AttentionOptionGroup: Equatable, Sendable {
    public let options: [any AnyOption]
    /// Whether they say one thing together: where one is given, the others are not filled in from elsewhere.
    public let standsTogether: Bool

    public init(_ options: [any AnyOption], standsTogether: Bool = false) {
        self.options = options
        self.standsTogether = standsTogether
    }

    public static func == (a: AttentionOptionGroup, b: AttentionOptionGroup) -> Bool {
        a.options.map(\.name) == b.options.map(\.name)
    }
}
