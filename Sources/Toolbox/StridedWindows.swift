import Corpus

/// The windows of a text that overlap: each predicts its last `stride` tokens, the first all of its own, so that every
/// token but the text's first is predicted once. With a stride of one context they are `EvaluationWindows`.
public struct StridedWindows: Sendable {
    /// Most tokens in, per window; the last may have fewer.
    public let context: Int
    /// New tokens that each window but the first predicts.
    public let stride: Int
    /// Number of windows.
    public let count: Int
    /// Number of predicted tokens in all windows.
    public let targets: Int

    /// - Throws: what `EvaluationWindows` throws. The stride lies between 1 and the context.
    public init(tokens: Int, context: Int, stride: Int) throws(CorpusError) {
        targets = try EvaluationWindows(tokens: tokens, context: context).targets
        precondition(stride >= 1 && stride <= context, "stride \(stride) of windows of \(context)")
        self.context = context
        self.stride = stride
        count = 1 + (max(0, targets - context) + stride - 1) / stride
    }

    /// The tokens that window `i` reads.
    public func inputs(of i: Int) -> Range<Int> { (i * stride)..<min(i * stride + context, targets) }

    /// The tokens that window `i` predicts, which follow those of the window before.
    public func predicted(by i: Int) -> Range<Int> {
        let first = i == 0 ? 1 : (i - 1) * stride + context + 1
        return first..<(inputs(of: i).upperBound + 1)
    }
}
