import Communicator
import Kernels
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What predicting a held-out text came to.
public struct EvaluationReport: Sendable {
    /// Σ negative log-likelihood in nats over all tokens but the text's first.
    public let negativeLogLikelihood: Double
    /// Number of predicted tokens.
    public let tokens: Int
    /// The original text's words and bytes.
    public let words, bytes: Int

    /// The report of a sum of nats over `tokens` predictions in a text of so many words and bytes.
    public init(negativeLogLikelihood: Double, tokens: Int, words: Int, bytes: Int) {
        self.negativeLogLikelihood = negativeLogLikelihood
        self.tokens = tokens
        self.words = words
        self.bytes = bytes
    }

    /// exp(NLL per token).
    public var perplexity: Double { Self.perplexity(negativeLogLikelihood, of: tokens) }
    /// exp(NLL per word of the original text).
    public var wordPerplexity: Double { Self.perplexity(negativeLogLikelihood, of: words) }
    /// NLL in bits per byte of the original text.
    public var bitsPerByte: Double { negativeLogLikelihood / 0.693147180559945309 / Double(bytes) }

    /// exp(`nats` / `count`).
    public static func perplexity(_ nats: Double, of count: Int) -> Double { exp(nats / Double(count)) }
}

extension Worker {
    /// Seconds between looks at whether a rank was asked to stop.
    private static let patience = 1.0

    /// Collective: the negative log-likelihood of held-out tokens, in windows of one context that do not overlap, so that
    /// every token but the first is predicted once. Windows are shared out over the replicas.
    ///
    /// - Parameter stopRequest: number of the signal that asked this rank to stop, 0 for none; asked about once a second.
    /// - Parameter progress: told the share of this rank's windows that is done, about once a second.
    /// - Returns: the report, or the number of the signal that interrupted it; the same on every rank.
    /// - Throws: `CorpusError` where there are fewer than two tokens, and `MPIError`.
    public func evaluate(
        _ text: EvaluationText, stopRequest: () -> Int32 = { 0 }, progress: (Double) -> Void = { _ in }
    ) throws -> Result<EvaluationReport, EvaluationStopped> {
        let start = monotonicSeconds()
        let windowed = try WindowedText(text.tokens, context: configuration.context)
        let nll = Buffer<Double>(uninitialized: stage.capacity)
        var total = 0.0
        let lowRank = ranks.evaluationPass(of: stage)
        var stopped: EvaluationStopped?
        var nextLook = 1
        try windowed.forEachBatch(
            part: grid.topology.replica, of: grid.topology.replicas, most: stage.capacity / configuration.context
        ) { _, batch in
            total += try negativeLogLikelihood(of: batch, lowRank: lowRank, into: nll)
        } between: { done, all in
            // A pace that the ranks agree on.
            guard done == nextLook, done < all else { return true }
            let answer = Buffer([Double(stopRequest()), monotonicSeconds() - start])
            try grid.world.allreduce(answer, .max)
            if answer[0] > 0 {
                stopped = EvaluationStopped(stopRequest: Int32(answer[0]))
                return false
            }
            progress(Double(done) / Double(all))
            nextLook += max(1, Int(Self.patience * Double(done) / max(answer[1], 1e-3)))
            return true
        }
        if let stopped { return .failure(stopped) }
        total = try grid.world.allreduce(total, .sum)
        return .success(EvaluationReport(
            negativeLogLikelihood: total, tokens: windowed.windows.targets, words: text.words, bytes: text.bytes))
    }

    /// Collective over the replica's stages: the sum over a micro-batch; 0 on all stages but the last.
    private func negativeLogLikelihood(
        of batch: MicroBatch, lowRank: LowRankPass, into nll: Buffer<Double>
    ) throws -> Double {
        do {
            try pipeline.evaluate(batch, lowRank: lowRank, into: nll)
        } catch {
            pipeline.abandon()
            throw error
        }
        return grid.topology.isLastStage ? nll[0..<batch.rows].array.reduce(0, +) : 0
    }

    /// Collective: whether the weights as they stand give a finite loss on the sequences that each replica reads next.
    ///
    /// - Throws: `MPIError`.
    public func givesFiniteLoss() throws -> Bool {
        let lowRank = ranks.evaluationPass(of: stage)
        let nll = Buffer<Double>(uninitialized: stage.capacity)
        let own = try microBatches().first.map { try negativeLogLikelihood(of: $0, lowRank: lowRank, into: nll) } ?? 0
        return try grid.world.allreduce(own, .sum).isFinite
    }
}

/// An evaluation that a signal ended before its time.
public struct EvaluationStopped: Error {
    /// The signal's number.
    public let stopRequest: Int32
}
