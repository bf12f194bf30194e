import Kernels
import Model
import Options

// N layers, S segments, K levels.

/// A level for each token and layer: that of least forecast loss + price × FLOPs (`LossForecast`), the price being the one at
/// which the tokens that the forecast learnt from keep within a budget. The forecast's own FLOPs count against it.
public struct ForecastLevels: ByForecast {
    public static let name = "forecast"

    public let share: Double
    var grain: Int { 1 }

    public init(within share: Double) { self.share = share }

    public func chooser(for pass: LevelPass) -> LevelChooser {
        let options = pass.options, configuration = pass.configuration, prices = ByLength<LevelPrices>()
        return pass.chooser(grain: grain) { [share, grain] known, forecast, length in
            prices.value(ofLength: length) {
                LevelPrices(known, forecast, grain: grain, share: share, configuration, options, length: length)
            }
        }
    }

    private enum CodingKeys: String, CodingKey { case share = "flops_budget" }
}

extension AttentionMode where Self == ForecastLevels {
    public static func forecast(_ share: Double) -> ForecastLevels { ForecastLevels(within: share) }
}

/// A strategy that keeps a budget by a forecast of what levels lose at each token.
protocol ByForecast: WithinBudget {
    /// Tokens that share a level and its forecast.
    var grain: Int { get }
}

extension ByForecast {
    public static var followsText: Bool { true }

    public func check(
        _ known: CalibratedLosses?, _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) throws(LevelError) {
        let known = try CalibratedLosses.required(known, by: Self.name, configuration, options)
        guard let forecast = known.forecast else {
            throw LevelError(
                description: "\(option: "attention") \(Self.name) needs a forecast of what levels lose at a token, which this "
                    + "checkpoint does not hold; calibrate it again")
        }
        let costs = known.levels.segmentCosts(configuration, options, length: length)
        try known.levels.require(
            share, costs, besides: configuration.share(ofForecast: forecast, grain: grain, length: length), configuration,
            length: length)
    }
}

extension LevelPass {
    /// Names for each `grain` tokens the level of least forecast loss + price × FLOPs, forecast at the first of them.
    ///
    /// - Parameter prices: in sequences of a length.
    func chooser(
        grain: Int, prices: @escaping @Sendable (LevelLosses, LossForecast, _ length: Int) -> LevelPrices
    ) -> LevelChooser {
        let options = options, known = calibrated, team = team
        return { input, batch in
            guard let known, let forecast = known.forecast else { preconditionFailure("no forecast to name levels by") }
            let L = batch.length, K = known.levels.levels.count, means = known.levels.nats[input.layer]
            let prices = prices(known.levels, forecast, L), pieces = (L - 1) / grain + 1
            // Of pieces of `grain` tokens, those whose first row is asked for.
            let first = (0..<(batch.sequences * pieces)).map { $0 / pieces * L + $0 % pieces * grain }
            let asked = first.indices.filter { input.asked.contains(first[$0]) }
            let x = Matrix(input.x.gathered(asked.map { first[$0] }), rows: asked.count, columns: input.x.columns)
            let factors = forecast.factors(x, layer: input.layer, on: team)
            var levels = Array(repeating: known.levels.levels[0], count: first.count)
            for (i, piece) in asked.enumerated() {
                let best = prices.cheapest(
                    means, factors[(i * K)..<((i + 1) * K)], segment: piece % pieces * grain / options.segment)
                levels[piece] = known.levels.levels[best]
            }
            return Decisions(levels: SegmentLevels(
                segment: options.segment, segments: pieces, levels: levels, exact: options.exact, grain: grain))
        }
    }
}

extension ModelConfiguration {
    /// What forecasts execute, one for each `grain` tokens, as a share of full attention's scores and values.
    package func share(ofForecast forecast: LossForecast, grain: Int = 1, length: Int) -> Double {
        shareOfScoresAndValues(
            budgetFLOPs(share: 0, length: length) + Double(forecast.flops * ((length - 1) / grain + 1)), length: length)
    }
}

/// What each level costs a token, by its segment, in nats: FLOPs times the price of one.
package struct LevelPrices: Sendable {
    /// FLOPs of a token at each level, [S][K].
    package let flops: [[Double]]
    /// Nats that one is worth.
    package let price: Double

    /// The price is the least at which the forecasts' samples, in every segment alike, keep within `share` with the
    /// forecasts themselves.
    package init(
        _ losses: LevelLosses, _ forecast: LossForecast, grain: Int = 1, share: Double,
        _ configuration: ModelConfiguration, _ options: RankOptions, length: Int
    ) {
        let segments = losses.segmentCosts(configuration, options, length: length), N = losses.nats.count
        // Of one token of a segment.
        let tokens = segments.indices.map { min(options.segment, length - $0 * options.segment) }
        let each = zip(segments, tokens).map { costs, tokens in costs.map { $0 / Double(tokens) } }
        let within = share - configuration.share(ofForecast: forecast, grain: grain, length: length)
        let budget = configuration.budgetFLOPs(share: within, length: length)
        // Of each layer's samples: [N][samples], [K] each.
        let K = losses.levels.count
        let factors = forecast.layers.map { layer in
            (0..<LossForecast.samples).map { sample in
                Buffer((0..<K).map { LossForecast.factor(layer.sampled[sample * K + $0]) })
            }
        }
        func executed(_ price: Double) -> Double {
            let priced = LevelPrices(flops: each, price: price)
            var total = 0.0
            for layer in 0..<N {
                for factors in factors[layer] {
                    for (segment, tokens) in tokens.enumerated() {
                        let best = priced.cheapest(losses.nats[layer], factors, segment: segment)
                        total += each[segment][best] * Double(tokens)
                    }
                }
            }
            return total / Double(N * LossForecast.samples)
        }
        // Prices between nothing and so much that only FLOPs count, by halving their ratio.
        var (low, high) = (1e-24, 1.0)
        for _ in 0..<40 {
            let middle = (low * high).squareRoot()
            if executed(middle) <= budget { high = middle } else { low = middle }
        }
        (flops, self.price) = (each, high)
    }

    package init(flops: [[Double]], price: Double) { (self.flops, self.price) = (flops, price) }

    /// The same with `multiplier` times the price.
    package func times(_ multiplier: Double) -> LevelPrices { LevelPrices(flops: flops, price: price * multiplier) }

    /// The level of least loss and price together; the first of equals.
    ///
    /// - Parameters:
    ///   - means: [K] nats, the layer's.
    ///   - factors: [K] what multiplies them at the token.
    package func cheapest(_ means: [Double], _ factors: Buffer<Float>, segment: Int) -> Int {
        let flops = flops[segment]
        var best = 0, least = Double.infinity
        for k in means.indices {
            let total = means[k] * Double(factors[k]) + price * flops[k]
            if total < least { (best, least) = (k, total) }
        }
        return best
    }
}
