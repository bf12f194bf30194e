import Model

/// A fixed level for each layer and segment, by what `drrl calibrate` measured that levels lose: least loss within a budget of
/// FLOPs.
public struct AllocatedLevelsByLayer: WithinBudget {
    public static let name = "allocated"

    public let share: Double

    public init(within share: Double) { self.share = share }

    public func check(
        _ known: CalibratedLosses?, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) throws(LevelError) {
        let known = try CalibratedLosses.required(known, by: Self.name, configuration, options)
        _ = try known.levels.allocated(share: share, configuration, options, length: length)
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options, found = levels(for: pass)
        return { input, batch in
            let levels = found(batch.length)
            return options.decisions(for: batch) { _, segment in levels[input.layer][segment] }
        }
    }

    /// Each layer's and segment's level, [N][S], by the length of sequences; found once for each.
    func levels(for pass: LevelPass) -> @Sendable (_ length: Int) -> [[Level]] {
        let options = pass.options, configuration = pass.configuration, known = pass.calibrated
        let found = ByLength<[[Level]]>()
        return { [share] length in
            found.value(ofLength: length) {
                guard let known, let levels = try? known.levels.allocated(share: share, configuration, options, length: length)
                else { preconditionFailure("levels within \(share) at length \(length), which nobody checked") }
                return levels
            }
        }
    }

    private enum CodingKeys: String, CodingKey { case share = "flops_budget" }
}

extension AttentionMode where Self == AllocatedLevelsByLayer {
    public static func allocated(_ share: Double) -> AllocatedLevelsByLayer { AllocatedLevelsByLayer(within: share) }
}
