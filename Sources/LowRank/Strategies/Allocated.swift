import Model
import Options

/// A fixed level for each layer and segment, by what `drrl calibrate` measured that levels lose: least loss within a budget of
/// FLOPs.
public struct AllocatedLevelsByLayer: Strategy {
    public static let name = "allocated"
    public static let listRefusal: String? = "chooses among the levels that drrl calibrate has measured"

    static let share = DefaultedOption<Double>(
        "flops-budget", "share",
        "For allocated and forecast: what scores, values and products with bases may execute of what full attention does for "
            + "scores and values", default: 0.6, Limit("it must be above 0 and at most 2") { $0 > 0 && $0 <= 2 })
    static let shareGroup = AttentionOptionGroup([share])
    public static let options = [shareGroup]

    /// Of full attention's scores and values.
    public let share: Double

    public init(within share: Double) { self.share = share }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        share = try given.value(of: Self.share)
    }

    public var values: [(option: any AnyOption, text: String?)] { [(Self.share, "\(share)")] }
    public var settings: [String: Double] { ["flops_budget": share] }
    public func summary(segment: Int) -> String { "allocated within \(share) of scores and values" }

    public func check(_ list: [Level], _ configuration: ModelConfiguration) throws(LevelError) {}

    public func check(
        _ known: CalibratedLosses?, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) throws(LevelError) {
        let known = try CalibratedLosses.required(known, by: Self.name, configuration, options)
        _ = try known.levels.allocated(share: share, configuration, options, length: length)
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options, configuration = pass.configuration, known = pass.calibrated
        let found = ByLength<[[Level]]>()
        return { [share] input, batch in
            let levels = found.value(ofLength: batch.length) {
                guard let known, let levels = try? known.levels.allocated(
                    share: share, configuration, options, length: batch.length)
                else { preconditionFailure("levels within \(share) at length \(batch.length), which nobody checked") }
                return levels
            }
            return options.decisions(for: batch) { _, segment in levels[input.layer][segment] }
        }
    }

    private enum CodingKeys: String, CodingKey { case share = "flops_budget" }
}

extension AttentionMode where Self == AllocatedLevelsByLayer {
    public static func allocated(_ share: Double) -> AllocatedLevelsByLayer { AllocatedLevelsByLayer(within: share) }
}
