import Foundation
import Kernels

// V tokens of a vocabulary.

/// Chooses tokens as a `Sampling` says. A draw is a function of the seed, the sample's number and the token's position, so that
/// the same seed gives the same text whatever else is sampled.
public struct Sampler: Sendable {
    public let sampling: Sampling
    private let generator: Philox

    public init(_ sampling: Sampling) {
        self.sampling = sampling
        generator = Philox(key: sampling.seed)
    }

    /// The token at `position` of sample `sample`.
    ///
    /// - Parameters:
    ///   - logits: [V].
    ///   - seen: The tokens before it.
    /// - Returns: nil where no logit is a number to choose by.
    public func next(_ logits: [Float], seen: Set<Int32>, sample: UInt64, position: Int) -> Int32? {
        let scores = scores(logits, seen: seen)
        guard let largest = scores.max(), largest.isFinite, !scores.contains(where: \.isNaN) else { return nil }
        guard sampling.temperature > 0 else { return scores.firstIndex(of: largest).map(Int32.init) }
        let weights = Self.weights(scores, largest)
        let uniform = generator.derived(number: sample, purpose: RandomPurpose.sampling)
            .uniform(UInt64(position).low, UInt64(position).high)
        var left = uniform * weights.reduce(0, +), last = 0
        for (token, weight) in weights.enumerated() where weight > 0 {
            last = token
            left -= weight
            if left < 0 { break }
        }
        return Int32(last)
    }

    /// What the filters make of logits: −∞ for a token that is not to be drawn; with temperature 0 all stay.
    public func scores(_ logits: [Float], seen: Set<Int32>) -> [Float] {
        var scores = logits
        if sampling.repetitionPenalty != 1 {
            let penalty = Float(sampling.repetitionPenalty)
            for token in seen where scores.indices.contains(Int(token)) {
                let score = scores[Int(token)]
                scores[Int(token)] = score < 0 ? score * penalty : score / penalty
            }
        }
        guard sampling.temperature > 0 else { return scores }
        if sampling.temperature != 1 {
            let temperature = Float(sampling.temperature)
            for i in scores.indices { scores[i] /= temperature }
        }
        if let k = sampling.topK, k < scores.count {
            let least = Self.largest(k, of: scores)
            for i in scores.indices where scores[i] < least { scores[i] = -.infinity }
        }
        if let p = sampling.topP, p < 1 { Self.keepMostLikely(p, of: &scores) }
        if let share = sampling.minP, let largest = scores.max() {
            // Of weights whose largest is 1.
            let weights = Self.weights(scores, largest)
            for i in scores.indices where weights[i] < share { scores[i] = -.infinity }
        }
        return scores
    }

    /// exp(score − largest), [V].
    private static func weights(_ scores: [Float], _ largest: Float) -> [Double] {
        scores.map { $0 == -.infinity ? 0 : exp(Double($0) - Double(largest)) }
    }

    /// Keeps tokens, likeliest first, while those before them have less than `p` together; of equals the last one first.
    private static func keepMostLikely(_ p: Double, of scores: inout [Float]) {
        guard let largest = scores.max() else { return }
        let weights = weights(scores, largest), total = weights.reduce(0, +)
        // All others together have less than 1 − p, so that none of them is kept.
        let least = 0.999 * (1 - p) * total / Double(scores.count)
        let order = weights.indices.filter { weights[$0] >= least }
            .sorted { (weights[$0], $0) > (weights[$1], $1) }
        var before = 0.0, kept = Set<Int>()
        for token in order {
            if !kept.isEmpty, before >= p * total { break }
            kept.insert(token)
            before += weights[token]
        }
        for i in scores.indices where !kept.contains(i) { scores[i] = -.infinity }
    }

    /// The `k`-th largest of more than `k` numbers, by Hoare's selection.
    private static func largest(_ k: Int, of numbers: [Float]) -> Float {
        var numbers = numbers, low = 0, high = numbers.count - 1
        while low < high {
            let pivot = numbers[(low + high) / 2]
            var (i, j) = (low, high)
            while i <= j {
                while numbers[i] > pivot { i += 1 }
                while numbers[j] < pivot { j -= 1 }
                if i <= j {
                    numbers.swapAt(i, j)
                    i += 1
                    j -= 1
                }
            }
            if k - 1 <= j { high = j } else if k - 1 >= i { low = i } else { break }
        }
        return numbers[k - 1]
    }
}
