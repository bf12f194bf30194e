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
