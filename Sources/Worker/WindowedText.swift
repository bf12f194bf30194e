import Corpus
import Kernels
import Model

/// A text's tokens in windows: what every evaluation runs through, the trainer's and the toolbox's.
public struct WindowedText: Sendable {
    /// Which window predicts which tokens.
    public let windows: EvaluationWindows
    /// The text's tokens.
    public let tokens: Tokens

    /// - Parameter stride: as in `EvaluationWindows`.
    /// - Throws: `CorpusError` where there is nothing to predict.
    public init(_ tokens: Tokens, context: Int, stride: Int? = nil) throws(CorpusError) {
        self.tokens = tokens
        windows = try EvaluationWindows(tokens: tokens.count, context: context, stride: stride)
    }

    /// Gives one part's share of the windows, in order, a micro-batch at a time.
    ///
    /// - Parameters:
    ///   - most: windows a micro-batch.
    ///   - predict: told which windows a micro-batch holds.
    ///   - between: called after each turn and told how many there were and will be; as often for every part, whatever its
    ///     share, so that it may be collective. Ends the loop where it returns false.
    /// - Throws: what `predict` and `between` throw.
    public func forEachBatch(
        part: Int, of parts: Int, most: Int, _ predict: (Range<Int>, MicroBatch) throws -> Void,
        between: (_ done: Int, _ all: Int) throws -> Bool
    ) rethrows {
        let share = Topology.share(of: windows.count, part: part, of: parts)
        let largest = (windows.count + parts - 1) / parts, turns = (largest + most - 1) / most
        for turn in 0..<turns {
            let first = share.lowerBound + turn * most
            if first < share.upperBound {
                let own = first..<min(first + most, share.upperBound)
                try predict(own, batch(own))
            }
            guard try between(turn + 1, turns) else { return }
        }
    }

    /// Some windows, each padded to one context.
    private func batch(_ range: Range<Int>) -> MicroBatch {
        let L = windows.context
        let inputs = Buffer<Int32>(uninitialized: range.count * L), targets = Buffer<Int32>(uninitialized: range.count * L)
        for (i, window) in range.enumerated() {
            let rows = (i * L)..<((i + 1) * L)
            tokens.readWindow(
                windows.inputs(of: window), predicting: windows.predicted(by: window), inputs: inputs[rows],
                targets: targets[rows])
        }
        return MicroBatch(
            sequences: range.count, length: L, tokens: inputs, targets: targets, samples: range.map { UInt64($0) })
    }
}
