import Options
import Synchronization
import Transformer

/// A fixed level for each layer, by what `drrl calibrate` measured that levels lose: least loss within a budget of FLOPs.
public struct AllocatedLevelsByLayer: Strategy {
    public static let name = "allocated"
    public static let listRefusal: String? = "chooses among the levels that drrl calibrate has measured"

    static let share = DefaultedOption<Double>(
        "flops-budget", "share",
        "For allocated: what scores, values and products with bases may execute of what full attention does for scores and "
            + "values", default: 0.6, Limit("it must be above 0 and at most 2") { $0 > 0 && $0 <= 2 })
    public static let options = [AttentionOptionGroup([share])]

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
        _ known: LevelLosses?, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) throws(LevelError) {
        guard options.exact != nil else {
            throw LevelError(description: 
                "\(option: "attention") allocated names what happens to far keys; \(option: "exact-recent") off has "
                    + "none")
        }
        guard let known else {
            throw LevelError(
                description: "\(option: "attention") allocated needs to know what levels lose, which this model does not hold; "
                    + "drrl calibrate finds it")
        }
        guard known.nats.count == configuration.layers else {
            throw LevelError(
                description: "what levels lose is known of \(known.nats.count) layers, the model has \(configuration.layers)")
        }
        _ = try known.allocated(share: share, configuration, options, length: length)
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options, configuration = pass.configuration, known = pass.levelLosses
        let found = FoundLevels()
        return { [share] input, batch in
            let levels = found.levels(ofLength: batch.length) {
                // `check` has seen that these can be had.
                (try? known?.allocated(share: share, configuration, options, length: batch.length))
                    ?? Array(repeating: options.levels[options.levels.count - 1], count: configuration.layers)
            }
            return options.decisions(for: batch) { _, _ in levels[input.layer] }
        }
    }

    /// Levels by layer, once for each length of sequences.
    private final class FoundLevels: Sendable {
        private let known = Mutex<[Int: [Level]]>([:])

        func levels(ofLength length: Int, _ find: () -> [Level]) -> [Level] {
            known.withLock {
                if let levels = $0[length] { return levels }
                let levels = find()
                $0[length] = levels
                return levels
            }
        }
    }

    private enum CodingKeys: String, CodingKey { case share = "flops_budget" }
}

extension AttentionMode where Self == AllocatedLevelsByLayer {
    public static func allocated(_ share: Double) -> AllocatedLevelsByLayer { AllocatedLevelsByLayer(within: share) }
}
