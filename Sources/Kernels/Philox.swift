import CKernels

/// Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
///
/// A number is a pure function of the key and a counter, so what is drawn for a sample, a layer or a step
/// does not depend on who draws it or on what was drawn before.
public struct Philox: Sendable, Equatable {
    /// The 64-bit key.
    public let key: UInt64

    /// The generator of that key.
    public init(key: UInt64) { self.key = key }

    /// Block `(c0, c1, c2, c3)`: four independent 32-bit words.
    public func block(_ c0: UInt32, _ c1: UInt32 = 0, _ c2: UInt32 = 0, _ c3: UInt32 = 0) -> SIMD4<UInt32> {
        var words: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        let counter = [c0, c1, c2, c3]
        withUnsafeMutableBytes(of: &words) {
            drrl_philox($0.baseAddress!.assumingMemoryBound(to: UInt32.self), key, counter)
        }
        return SIMD4(words.0, words.1, words.2, words.3)
    }

    /// A generator whose key is drawn from this one's at the counter given: a stream of its own for each
    /// (step, layer, site, …).
    public func derived(_ c0: UInt32, _ c1: UInt32 = 0, _ c2: UInt32 = 0, _ c3: UInt32 = 0) -> Philox {
        let word = block(c0, c1, c2, c3)
        return Philox(key: UInt64(word.x) | UInt64(word.y) << 32)
    }

    /// A stream of its own for each number, such as a step, and purpose.
    public func derived(number: UInt64, purpose: UInt32) -> Philox {
        derived(number.low, number.high, 0, purpose)
    }

    /// Uniform in [0, 1), 53 bits.
    public func uniform(_ c0: UInt32, _ c1: UInt32 = 0, _ c2: UInt32 = 0, _ c3: UInt32 = 0) -> Double {
        let word = block(c0, c1, c2, c3)
        return Double((UInt64(word.x) | UInt64(word.y) << 32) >> 11) * 0x1p-53
    }

    /// Fills `buffer` with uniform deviates in [−bound, bound), 24 bits each.
    public func fillUniform(_ buffer: Buffer<Float>, bound: Float) {
        for first in Swift.stride(from: 0, to: buffer.count, by: 4) {
            let number = UInt64(first / 4), words = block(number.low, number.high)
            for i in first..<min(first + 4, buffer.count) {
                buffer[i] = (Float(words[i - first] >> 8) * 0x1p-23 - 1) * bound
            }
        }
    }

    /// Fills `buffer` with normal deviates of mean 0 and the standard deviation given.
    public func fillNormal(_ buffer: Buffer<Float>, deviation: Float) {
        drrl_normal(buffer.pointer, key, 0, buffer.count, deviation)
    }
}

/// The last word of a counter says what a random number is for, so that no two uses share one.
public enum RandomPurpose {
    /// Initial weights.
    public static let weights: UInt32 = 1
    /// Dropout masks.
    public static let dropout: UInt32 = 2
    /// Levels that strategies and the policy draw.
    public static let levels: UInt32 = 4
    /// Rows at which rewards are measured.
    public static let rewardRows: UInt32 = 5
    /// Directions of Performer features.
    public static let features: UInt32 = 8
    /// Targets that the model draws from its own softmax.
    public static let targets: UInt32 = 9
    /// Rows at which the loss of levels is estimated.
    public static let estimatedRows: UInt32 = 10
    /// The order in which forecasts of losses learn from rows.
    public static let forecastOrder: UInt32 = 11
    /// Tokens that continue a prompt.
    public static let sampling: UInt32 = 12
    /// What is planted in a text to be recalled, and where.
    public static let needles: UInt32 = 16
    /// What is dropped of the inputs of adapters.
    public static let adapterDropout: UInt32 = 17
}

extension UInt64 {
    /// The words of a counter that hold this number.
    public var low: UInt32 { UInt32(truncatingIfNeeded: self) }
    /// The upper 32 bits.
    public var high: UInt32 { UInt32(truncatingIfNeeded: self >> 32) }
}
