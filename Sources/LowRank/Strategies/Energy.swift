import Model
import Options

/// The cheapest level of the list whose score and value NER (Eq. 15) reach a threshold, for each layer.
public struct EnergyRule: Strategy {
    public static let name = "energy"
    public static let isReference = true

    static let share = DefaultedOption<Double>(
        "energy", "share", "For energy, and for the policy's warm start: share of the spectrum's energy to keep",
        default: 0.95, Limit("it must be above 0 and at most 1") { $0 > 0 && $0 <= 1 })
    static let shareGroup = AttentionOptionGroup([share])
    public static let options = [shareGroup]

    /// The share of energy to keep, above 0 and at most 1.
    public let share: Double

    public init(keeping share: Double) { self.share = share }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        share = try Self.shareToKeep(given)
    }

    /// - Throws: `ConfigurationError` for a share that cannot be.
    static func shareToKeep(_ given: OptionValues) throws(ConfigurationError) -> Double {
        try given.value(of: share)
    }

    public var values: [(option: any AnyOption, text: String?)] { [(Self.share, "\(share)")] }
    public var settings: [String: Double] { ["energy": share] }
    public func summary(segment: Int) -> String { "energy \(share)" }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options, first = pass.firstLayer
        let levels = pass.energyLevels(keeping: share).map { options.levels[$0] }
        return { input, batch in options.decisions(for: batch) { _, _ in levels[input.layer - first] } }
    }

    private enum CodingKeys: String, CodingKey { case share = "_0" }
}

extension AttentionMode where Self == EnergyRule {
    public static func energy(_ share: Double) -> EnergyRule { EnergyRule(keeping: share) }
}
