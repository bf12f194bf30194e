import CKernels
import Kernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// AdamW (Loshchilov & Hutter 2019, Algorithm 2), with decay on matrices only.
public struct AdamW: Codable, Equatable, Sendable {
    /// Decay of the mean of gradients, β₁.
    public var beta1: Float
    /// Decay of the mean of squared gradients, β₂.
    public var beta2: Float
    /// ε, added to the root of the second mean.
    public var epsilon: Float
    /// λ, the share of a weight that a step at rate 1 takes away.
    public var weightDecay: Float

    /// The optimiser of these constants.
    public init(beta1: Float = 0.9, beta2: Float = 0.95, epsilon: Float = 1e-8, weightDecay: Float = 0.1) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    /// Update number `step` (from 1) with `gradientScale` times `reduced`, the gradients summed over ranks, or times the
    /// arena's own where there is none; the arena's gradients are zero afterwards.
    public func update(
        _ arena: ParameterArena, reduced: Buffer<Float>? = nil, step: Int, learningRate: Float, gradientScale: Float,
        on team: Team
    ) {
        precondition(step >= 1, "AdamW counts updates from 1")
        let correction1 = Float(1 - pow(Double(beta1), step)), correction2 = Float(1 - pow(Double(beta2), step))
        for parameter in arena.layout.parameters {
            var options = drrl_adamw_options()
            options.learning_rate = learningRate
            options.beta1 = beta1
            options.beta2 = beta2
            options.epsilon = epsilon
            options.weight_decay = parameter.spec.decays ? weightDecay : 0
            options.bias_correction1 = correction1
            options.bias_correction2 = correction2
            options.gradient_scale = gradientScale
            let final = options
            let values = arena.values[parameter.range], own = arena.gradients[parameter.range]
            let gradients = (reduced ?? arena.gradients)[parameter.range]
            let (m, v) = (arena.firstMoment[parameter.range], arena.secondMoment[parameter.range])
            team.split(values.count, grain: 16384) { range in
                withUnsafePointer(to: final) { options in
                    drrl_adamw(
                        values.pointer + range.lowerBound, gradients.pointer + range.lowerBound,
                        own.pointer + range.lowerBound, m.pointer + range.lowerBound, v.pointer + range.lowerBound,
                        range.count, options)
                }
            }
        }
    }

    private func pow(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, left) = (1.0, base, exponent)
        while left > 0 {
            if left & 1 == 1 { result *= square }
            square *= square
            left >>= 1
        }
        return result
    }
}

/// Σ x², in float64; NaN or infinite where an element is.
public func sumOfSquares(_ x: Buffer<Float>, on team: Team) -> Double {
    let piece = 1 << 16
    let count = (x.count + piece - 1) / piece
    let sums = Buffer<Double>(count: count, repeating: 0)
    team.tasks(count) { task, _ in
        let range = (task * piece)..<min((task + 1) * piece, x.count)
        sums[task] = drrl_sum_of_squares(x.pointer + range.lowerBound, range.count)
    }
    return sums.array.reduce(0, +)
}

/// Linear warm-up, then a cosine down to a floor (Loshchilov & Hutter 2017).
public struct LearningRate: Codable, Equatable, Sendable {
    /// The highest rate, reached after `warmup` steps.
    public var peak: Float
    /// The rate at the last step and after it.
    public var floor: Float
    /// Steps of linear growth.
    public var warmup: Int
    /// Steps in all.
    public var steps: Int

    /// The schedule of these rates over these steps.
    public init(peak: Float, floor: Float, warmup: Int, steps: Int) {
        self.peak = peak
        self.floor = floor
        self.warmup = warmup
        self.steps = steps
    }

    /// The rate of step `step`, counted from 1.
    public subscript(step: Int) -> Float {
        if step <= warmup { return peak * Float(step) / Float(max(warmup, 1)) }
        guard steps > warmup else { return floor }
        let progress = min(1, Double(step - warmup) / Double(steps - warmup))
        return floor + (peak - floor) * Float(0.5 * (1 + cos(.pi * progress)))
    }
}
