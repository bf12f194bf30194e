import Kernels
#if canImport(Glibc)
import Glibc
#endif

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
