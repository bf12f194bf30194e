import Model
import Options

/// What `drrl calibrate` found of a model: the mean loss of each level in each layer, and a forecast of it for a token.
public struct CalibratedLosses: Sendable {
    public let levels: LevelLosses
    /// Nil in checkpoints of before there was one.
    public let forecast: LossForecast?

    public init(levels: LevelLosses, forecast: LossForecast?) {
        self.levels = levels
        self.forecast = forecast
    }

    /// - Throws: `LevelError` where nothing is known, or of another model, or no key is far.
    static func required(
        _ known: CalibratedLosses?, by strategy: String, _ configuration: ModelConfiguration, _ options: RankOptions
    ) throws(LevelError) -> CalibratedLosses {
        guard options.exact != nil else {
            throw LevelError(
                description: "\(option: "attention") \(strategy) names what happens to far keys; \(option: "exact-recent") off has "
                    + "none")
        }
        guard let known else {
            throw LevelError(
                description: "\(option: "attention") \(strategy) needs to know what levels lose, which this model does not hold; "
                    + "drrl calibrate finds it")
        }
        guard known.levels.nats.count == configuration.layers else {
            throw LevelError(
                description: "what levels lose is known of \(known.levels.nats.count) layers, the model has "
                    + "\(configuration.layers)")
        }
        return known
    }
}
