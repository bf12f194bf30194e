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

/// The windows of a corpus that evaluation reads: every token but the first is a target exactly once.
public struct EvaluationWindows: Sendable {
    /// Tokens in, and tokens predicted, per window; the last window may have fewer.
    public let context: Int
    /// Number of windows.
    public let count: Int
    /// Number of predicted tokens in all windows.
    public let targets: Int

    /// - Throws: `contextLength`, and `shorterThanContext` where there is nothing to predict.
    public init(tokens: Int, context: Int) throws(CorpusError) {
        guard context > 0 else { throw .contextLength(context) }
        guard tokens > 1 else { throw .shorterThanContext(tokens: tokens, context: 1) }
        self.context = context
        targets = tokens - 1
        count = (targets + context - 1) / context
    }

    /// The tokens of window `i`, `0 ≤ i < count`, one more than it predicts: `context + 1`, or fewer in the last.
    public func range(of i: Int) -> Range<Int> {
        precondition(i >= 0 && i < count, "window \(i) of \(count)")
        return i * context..<min((i + 1) * context, targets) + 1
    }
}
