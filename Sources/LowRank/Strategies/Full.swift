import Model
import Options

/// Full attention; no level is named.
public struct FullAttention: AttentionMode {
    public static let name = "full"

    public init() {}
    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {}
}

extension AttentionMode where Self == FullAttention {
    public static var full: FullAttention { FullAttention() }
}
