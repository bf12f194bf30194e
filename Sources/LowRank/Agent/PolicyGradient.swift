#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The arithmetic of the policy gradient, free of networks and ranks.
public enum PolicyGradient {
    /// ε of the clipped ratio (Schulman et al. 2017).
    public static let clip = 0.2

    /// ln π over the actions that stand, −∞ for the others. At least one stands.
    public static func logProbabilities(_ logits: [Double], allowed: [Bool]) -> [Double] {
        let standing = zip(logits, allowed).filter { $0.1 }.map { $0.0 }
        precondition(!standing.isEmpty && logits.count == allowed.count, "no action stands")
        let largest = standing.max() ?? 0
        let normaliser = largest + log(standing.reduce(0) { $0 + exp($1 - largest) })
        return zip(logits, allowed).map { $1 ? $0 - normaliser : -.infinity }
    }

    /// The action that `draw`, uniform in [0, 1), means.
    public static func sample(_ logProbabilities: [Double], draw: Double) -> Int {
        LevelDraw.index(of: draw, among: logProbabilities.map { exp($0) })
    }

    /// The action of the largest score, such as its ln π; the cheapest of equals.
    public static func greedy(_ scores: [Double]) -> Int {
        scores.indices.max { (scores[$0], $1) < (scores[$1], $0) } ?? 0
    }

    /// H = −Σ π ln π, in nats.
    public static func entropy(_ logProbabilities: [Double]) -> Double {
        -logProbabilities.reduce(0) { $1 > -.infinity ? $0 + exp($1) * $1 : $0 }
    }

    /// ∂H/∂logits = −π (ln π + H).
    public static func entropySlope(_ logProbabilities: [Double], entropy: Double) -> [Double] {
        logProbabilities.map { $0 > -.infinity ? -exp($0) * ($0 + entropy) : 0 }
    }

    /// G_s = Σ_k discount^k R_{s+k} over the segments of one episode.
    public static func returns(_ rewards: [Double], discount: Double) -> [Double] {
        var result = rewards
        for s in rewards.indices.dropLast().reversed() { result[s] += discount * result[s + 1] }
        return result
    }

    /// Number, sum and sum of squares of what is to be normalised: three sums that add up over ranks.
    public struct Moments: Sendable, Equatable {
        public var count, sum, squares: Double

        public init(count: Double, sum: Double, squares: Double) {
            self.count = count
            self.sum = sum
            self.squares = squares
        }

        public init(of values: [Double]) {
            self.init(
                count: Double(values.count), sum: values.reduce(0, +), squares: values.reduce(0) { $0 + $1 * $1 })
        }

        public var mean: Double { count > 0 ? sum / count : 0 }
        public var deviation: Double { count > 0 ? max(squares / count - mean * mean, 0).squareRoot() : 0 }

        /// (x − mean) / deviation; 0 where all are alike.
        public func normalised(_ x: Double) -> Double {
            // Below this, differences are rounding.
            deviation > 1e-9 * max(1, abs(mean)) ? (x - mean) / deviation : 0
        }
    }

    /// ∂/∂logits of −A ln π(action), which is −A (onehot − π); exactly 0 for actions that do not stand.
    public static func reinforce(_ logProbabilities: [Double], action: Int, advantage: Double) -> [Double] {
        logProbabilities.enumerated().map { i, value in
            -advantage * ((i == action ? 1 : 0) - exp(value))
        }
    }

    /// ∂/∂logits of −min(ρ A, clip(ρ, 1 ± ε) A), ρ = π(action) / π_old(action).
    public static func clipped(
        _ logProbabilities: [Double], action: Int, advantage: Double, oldLogProbability: Double
    ) -> [Double] {
        let ratio = exp(logProbabilities[action] - oldLogProbability)
        let isClipped = advantage > 0 ? ratio > 1 + clip : ratio < 1 - clip
        return reinforce(logProbabilities, action: action, advantage: isClipped ? 0 : ratio * advantage)
    }
}
