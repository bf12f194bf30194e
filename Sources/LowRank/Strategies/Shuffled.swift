import Model

/// The levels of `allocated` with layers exchanged: in each segment of a sample every layer has the level of a layer that is
/// drawn for it, each layer's once. The histogram of each segment, and so what is executed, stays; which layer needs what is
/// forgotten.
public struct ShuffledLevels: WithinBudget {
    public static let name = "shuffled"

    public let share: Double

    public init(within share: Double) { self.share = share }

    public func check(
        _ known: CalibratedLosses?, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) throws(LevelError) {
        try AllocatedLevelsByLayer(within: share).check(known, configuration, options, length: length)
    }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options, layers = pass.configuration.layers
        let found = AllocatedLevelsByLayer(within: share).levels(for: pass)
        let draw = LevelDraw(seed: pass.seed, step: pass.step)
        return { input, batch in
            let levels = found(batch.length)
            return options.decisions(for: batch) { sequence, segment in
                let order = draw.order(of: layers, sample: batch.samples[sequence], segment: segment)
                return levels[order[input.layer]][segment]
            }
        }
    }

    private enum CodingKeys: String, CodingKey { case share = "flops_budget" }
}
