import Model
import Options

/// `--flops-budget`, of every strategy that keeps one.
enum FLOPsBudget {
    static let share = DefaultedOption<Double>(
        "flops-budget", "share",
        "For allocated, forecast and token-policy: what scores, values and products with bases may execute of what full "
            + "attention does for scores and values", default: 0.6, Limit("it must be above 0 and at most 2") { $0 > 0 && $0 <= 2 })
    static let group = AttentionOptionGroup([share])
}

/// A strategy that keeps a budget by what `drrl calibrate` found that levels lose.
public protocol WithinBudget: Strategy {
    /// Of full attention's scores and values.
    var share: Double { get }

    init(within share: Double)
}

extension WithinBudget {
    public static var listRefusal: String? { "chooses among the levels that drrl calibrate has measured" }
    public static var options: [AttentionOptionGroup] { [FLOPsBudget.group] }

    public init(_ given: OptionValues, for shape: OptionContext) throws(ConfigurationError) {
        self.init(within: try given.value(of: FLOPsBudget.share))
    }

    public var values: [(option: any AnyOption, text: String?)] { [(FLOPsBudget.share, "\(share)")] }
    public var settings: [String: Double] { ["flops_budget": share] }
    public func summary(segment: Int) -> String { "\(Self.name) within \(share) of scores and values" }

    public func check(_ list: [Level], _ configuration: ModelConfiguration) throws(LevelError) {}
}
