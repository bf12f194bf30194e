import Kernels
import Model

/// Reproducible test inputs from a generator of their own: SplitMix64 (Steele, Lea & Flood 2014).
struct SampleValues: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in ±scale about `centre`.
    static func uniform(_ count: Int, seed: UInt64, scale: Float = 1, centre: Float = 0) -> [Float] {
        var generator = SampleValues(seed: seed)
        return (0..<count).map { _ in centre + Float.random(in: -scale..<scale, using: &generator) }
    }

    static func tokens(_ count: Int, below bound: Int, seed: UInt64) -> [Int32] {
        var generator = SampleValues(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<Int32(bound), using: &generator) }
    }

    /// Random tokens and targets, every fifth target ignored; sample numbers beyond 32 bits.
    static func microBatch(sequences: Int, length: Int, vocabulary: Int, seed: UInt64) -> MicroBatch {
        let count = sequences * length
        var targets = tokens(count, below: vocabulary, seed: seed + 1)
        for i in stride(from: 3, to: count, by: 5) { targets[i] = -1 }
        return MicroBatch(
            sequences: sequences, length: length, tokens: Buffer(tokens(count, below: vocabulary, seed: seed)),
            targets: Buffer(targets), samples: (0..<UInt64(sequences)).map { 0x3_0000_0000 + seed + 7 * $0 })
    }
}

extension Array where Element == Float {
    /// The same values, exactly, for the reference.
    var doubles: [Double] { map(Double.init) }
}
