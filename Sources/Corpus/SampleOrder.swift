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

/// The windows of a corpus that training reads: whole, each with its targets, ends of the corpus left over.
public struct TrainingWindows: Sendable {
    /// Tokens in, and tokens predicted, per window.
    public let context: Int
    /// Number of windows.
    public let count: Int

    /// - Throws: `contextLength`, and `shorterThanContext` where there is no window.
    public init(tokens: Int, context: Int) throws(CorpusError) {
        guard context > 0 else { throw .contextLength(context) }
        guard tokens > context else { throw .shorterThanContext(tokens: tokens, context: context) }
        self.context = context
        count = (tokens - 1) / context
    }

    /// The `context + 1` tokens of window `i`, `0 ≤ i < count`: the last is only a target.
    public func range(of i: Int) -> Range<Int> {
        precondition(i >= 0 && i < count, "window \(i) of \(count)")
        return i * context..<(i + 1) * context + 1
    }
}

/// The windows of a text that evaluation reads: every token but the first is predicted exactly once.
///
/// Windows may overlap: each predicts its last `stride` tokens, the first all of its own. With a stride of one context none
/// does, and each predicts all.
public struct EvaluationWindows: Sendable {
    /// Most tokens in, per window; the last may have fewer.
    public let context: Int
    /// New tokens that each window but the first predicts.
    public let stride: Int
    /// Number of windows.
    public let count: Int
    /// Number of predicted tokens in all windows.
    public let targets: Int

    /// - Parameter stride: between 1 and the context, which it is unless given.
    /// - Throws: `contextLength`, and `shorterThanContext` where there is nothing to predict.
    public init(tokens: Int, context: Int, stride: Int? = nil) throws(CorpusError) {
        guard context > 0 else { throw .contextLength(context) }
        guard tokens > 1 else { throw .shorterThanContext(tokens: tokens, context: 1) }
        let stride = stride ?? context
        precondition(stride >= 1 && stride <= context, "stride \(stride) of windows of \(context)")
        self.context = context
        self.stride = stride
        targets = tokens - 1
        count = 1 + (max(0, targets - context) + stride - 1) / stride
    }

    /// The tokens that window `i`, `0 ≤ i < count`, reads.
    public func inputs(of i: Int) -> Range<Int> {
        precondition(i >= 0 && i < count, "window \(i) of \(count)")
        return (i * stride)..<min(i * stride + context, targets)
    }

    /// The tokens that window `i` predicts, which follow those of the window before.
    public func predicted(by i: Int) -> Range<Int> {
        let first = i == 0 ? 1 : (i - 1) * stride + context + 1
        return first..<(inputs(of: i).upperBound + 1)
    }

    /// The rows of window `i` that predict: row r reads its r-th token and predicts the one after it.
    public func predictingRows(of i: Int) -> Range<Int> {
        let read = inputs(of: i)
        return (predicted(by: i).lowerBound - 1 - read.lowerBound)..<read.count
    }
}
