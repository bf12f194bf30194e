import Communicator
import Corpus
import Kernels
import Transformer

/// What a held-out text says of the model; the same on every rank.
public struct EvaluationReport: Sendable {
    /// Σ negative log-likelihood in nats over all tokens but the text's first.
    public let negativeLogLikelihood: Double
    /// Number of predicted tokens.
    public let tokens: Int
    /// The original text's words and bytes.
    public let words, bytes: Int
    public let seconds: Double

    /// exp(NLL per token).
    public var perplexity: Double { exponential(negativeLogLikelihood / Double(tokens)) }
    /// exp(NLL per word of the original text).
    public var wordPerplexity: Double { exponential(negativeLogLikelihood / Double(words)) }
    /// NLL in bits per byte of the original text.
    public var bitsPerByte: Double { negativeLogLikelihood / 0.693147180559945309 / Double(bytes) }
}

extension Worker {
    /// Collective: the negative log-likelihood of a shard, in windows of one context that do not overlap, so that every
    /// token but the first is predicted once. Windows are shared out over the replicas.
    ///
    /// Throws `CorpusError` where the shard has fewer than two tokens, and `MPIError`.
    public func evaluate(_ shard: Shard) throws -> EvaluationReport {
        let start = monotonicSeconds()
        let length = configuration.context
        let windows = try EvaluationWindows(tokens: shard.count, context: length)
        let topology = grid.topology
        let share = Topology.share(of: windows.count, part: topology.replica, of: topology.replicas)
        let most = stage.capacity / length
        let nll = Buffer<Double>(uninitialized: stage.capacity)
        var total = 0.0
        let lowRank = ranks.evaluationPass(of: stage)
        if ranks.isReducing { stage.fold(lowRank) }
        for first in stride(from: share.lowerBound, to: share.upperBound, by: most) {
            let count = min(most, share.upperBound - first)
            let tokens = Buffer<Int32>(uninitialized: count * length)
            let targets = Buffer<Int32>(uninitialized: count * length)
            for i in 0..<count {
                let rows = (i * length)..<((i + 1) * length)
                shard.readWindow(windows.range(of: first + i), inputs: tokens[rows], targets: targets[rows])
            }
            let batch = MicroBatch(
                sequences: count, length: length, tokens: tokens, targets: targets,
                samples: (first..<(first + count)).map { UInt64($0) })
            do {
                try pipeline.evaluate(batch, lowRank: lowRank, into: nll)
            } catch {
                pipeline.abandon()
                throw error
            }
            if topology.isLastStage { for row in 0..<batch.rows { total += nll[row] } }
        }
        total = try grid.world.allreduce(total, .sum)
        return EvaluationReport(
            negativeLogLikelihood: total, tokens: windows.targets, words: shard.sidecar.words,
            bytes: shard.sidecar.bytes, seconds: monotonicSeconds() - start)
    }
}
