#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

// K levels of one token and layer.

/// What a policy by token is taught at one token whose losses are known at every level.
///
/// The policy is the softmax over levels of −(ΔL̄_k e^{z_k} + c_k) / (τ m), m being the least of these sums: the closer two
/// levels are, the less it cares which. Its reward at level k is R_k = −ΔL̂_k − c_k. Since all rewards are known its policy
/// gradient (Sutton et al. 1999) is the exact expectation Σ_k ∇π_k R_k, without a draw. The forecast goes on being taught
/// itself, Σ_k e^{z_k} − y_k z_k, as in calibration: where levels differ much the policy's gradient vanishes.
package struct ExpectedReward {
    /// τ.
    static let temperature = 0.5

    /// ΔL̄, nats: [K].
    let means: [Double]
    /// What FLOPs are worth, nats: [K].
    let costs: [Double]
    /// What a reward is large against, nats.
    let scale: Double

    package init(means: [Double], costs: [Double]) {
        self.means = means
        self.costs = costs
        scale = max(zip(means, costs).map { $0 + $1 }.min() ?? 0, .leastNormalMagnitude)
    }

    package struct Lesson {
        /// ∂/∂z of what is to be small: [K].
        package var slope: [Double]
        /// What is to be small: −Σ π R / scale, and the forecast's deviance a level.
        package var loss: Double
        /// Σ π R, nats.
        package var reward: Double
        /// Of π, nats.
        package var entropy: Double
    }

    /// - Parameters:
    ///   - z: [K], of the forecast.
    ///   - losses: [K] estimated, nats.
    ///   - width: τ m, a constant of the slope; by these z unless told.
    package func lesson(_ z: [Double], losses: [Double], width: Double? = nil) -> Lesson {
        let K = means.count, bounds = LossForecast.bounds
        let within = z.map { $0 > Double(bounds.least) && $0 < Double(bounds.most) }
        let factors = z.map { exp(min(max($0, Double(bounds.least)), Double(bounds.most))) }
        let sums = (0..<K).map { means[$0] * factors[$0] + costs[$0] }
        let least = max(sums.min() ?? 0, .leastNormalMagnitude), width = width ?? Self.temperature * least
        let weights = sums.map { exp((least - $0) / width) }, total = weights.reduce(0, +)
        let chances = weights.map { $0 / total }
        let capped = (0..<K).map { min(losses[$0], Double(LossForecast.mostMeans) * means[$0]) }
        let lost = (0..<K).map { (capped[$0] + costs[$0]) / scale }
        let expected = zip(chances, lost).reduce(0) { $0 + $1.0 * $1.1 }
        var lesson = Lesson(slope: Array(repeating: 0, count: K), loss: expected, reward: 0, entropy: 0)
        for k in 0..<K {
            lesson.reward -= chances[k] * (losses[k] + costs[k])
            if chances[k] > 0 { lesson.entropy -= chances[k] * log(chances[k]) }
            guard means[k] > 0, within[k] else { continue }
            let y = capped[k] / means[k]
            lesson.loss += (factors[k] - y * z[k]) / Double(K)
            lesson.slope[k] = -chances[k] * (lost[k] - expected) / width * means[k] * factors[k]
                + (factors[k] - y) / Double(K)
        }
        return lesson
    }
}
