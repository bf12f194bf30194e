/// In which order the samples of every epoch are read: a pure function of seed, epoch and index.
///
/// A keyed permutation instead of a shuffled array: a balanced Feistel network over the next power of four,
/// walked along its cycle until it lands inside (Black and Rogaway 2002). Resuming needs one integer, and every
/// grid reads the same samples.
public struct SampleOrder: Sendable {
    /// Different seeds give different orders.
    public let seed: UInt64
    /// Samples in an epoch.
    public let sampleCount: Int

    private static let rounds: UInt64 = 8
    /// Networks over fewer bits favour some permutations by a per cent.
    private static let fewestHalfBits: UInt64 = 3
    private let halfBits: UInt64
    private let halfMask: UInt64

    /// - Throws: `sampleCount` where there is none.
    public init(seed: UInt64, sampleCount: Int) throws(CorpusError) {
        guard sampleCount > 0 else { throw .sampleCount(sampleCount) }
        self.seed = seed
        self.sampleCount = sampleCount
        let bits = UInt64(Int.bitWidth - (sampleCount - 1).leadingZeroBitCount)
        halfBits = max(Self.fewestHalfBits, (bits + 1) / 2)
        halfMask = 1 << halfBits - 1
    }

    /// The sample read as number `globalIndex ≥ 0` since the run began, `0 ..< sampleCount`.
    ///
    /// Each epoch, of `sampleCount` indices, reads every sample once.
    public func position(_ globalIndex: Int) -> Int {
        precondition(globalIndex >= 0, "sample number \(globalIndex)")
        let (epoch, index) = globalIndex.quotientAndRemainder(dividingBy: sampleCount)
        let key = mixed(mixed(seed &+ 0x9E37_79B9_7F4A_7C15) ^ UInt64(epoch))
        var place = UInt64(index)
        repeat { place = permuted(place, key: key) } while place >= UInt64(sampleCount)
        return Int(place)
    }

    private func permuted(_ value: UInt64, key: UInt64) -> UInt64 {
        var (left, right) = (value >> halfBits, value & halfMask)
        for round in 0..<Self.rounds {
            let scrambled = mixed(key &+ (round << 32 | right) &* 0x9E37_79B9_7F4A_7C15)
            (left, right) = (right, left ^ scrambled & halfMask)
        }
        return left << halfBits | right
    }
}
