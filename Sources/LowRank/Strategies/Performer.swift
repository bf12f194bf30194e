import Model
import Options

/// Performer attention; no level is named.
public struct PerformerMode: SoftmaxApproximation {
    public static let name = "performer"

    static let features = NamedOption<Int>(
        "features", "m", "For performer: random features a head", otherwise: "twice the head width",
        Limit("it must lie between 1 and \(most)") { (1...most).contains($0) })
    public static let options = [AttentionOptionGroup([features])]
    private static let most = 4096

    /// m, random features a head.
    public let features: Int

    public init(features: Int) { self.features = features }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        features = try given.value(of: Self.features) ?? min(2 * shape.headWidth, Self.most)
    }

    public var values: [(option: any AnyOption, text: String?)] { [(Self.features, "\(features)")] }
    public var settings: [String: Double] { ["features": Double(features)] }
    public func summary(segment: Int) -> String { "performer, \(features) features a head" }
    public func kind(segment: Int, seed: UInt64) -> AttentionKind { .performer(features: features, seed: seed) }
}

extension AttentionMode where Self == PerformerMode {
    public static func performer(features: Int) -> PerformerMode { PerformerMode(features: features) }
}
