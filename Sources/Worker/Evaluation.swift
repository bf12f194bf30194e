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

/// The tokens to evaluate on, a shard's first, with the sizes of the text that they stand for.
public struct HeldOutTokens: Sendable {
    public let shard: Shard
    /// Tokens from the shard's start, at least two and at most all.
    public let count: Int
    /// The original text's words and bytes in them.
    public let words, bytes: Int

    public init(shard: Shard, count: Int, words: Int, bytes: Int) {
        self.shard = shard
        self.count = count
        self.words = words
        self.bytes = bytes
    }

    /// All of a shard; or, where `limit` is less, that many of its first tokens.
    ///
    /// - Parameter kind: how words of the original text are told.
    /// - Throws: `CorpusError` for a token that is none of the tokenizer's.
    public init(_ shard: Shard, limit: Int?, tokenizer: ByteLevelBPE, kind: Text.Kind) throws(CorpusError) {
        guard let limit, limit < shard.count else {
            self.init(shard: shard, count: shard.count, words: shard.sidecar.words, bytes: shard.sidecar.bytes)
            return
        }
        let tokens = Buffer<Int32>(uninitialized: limit)
        shard.read(0..<limit, into: tokens)
        let bytes = try tokenizer.decode(tokens.array.filter { $0 != tokenizer.endOfText })
        self.init(shard: shard, count: limit, words: Text.words(in: bytes, of: kind), bytes: bytes.count)
    }
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
        _ text: HeldOutTokens, stopRequest: () -> Int32 = { 0 }, progress: (Double) -> Void = { _ in }
    ) throws -> Result<EvaluationReport, EvaluationStopped> {
        let start = monotonicSeconds()
        let length = configuration.context
        let windows = try EvaluationWindows(tokens: text.count, context: length)
        let topology = grid.topology
        let share = Topology.share(of: windows.count, part: topology.replica, of: topology.replicas)
        let most = stage.capacity / length
        let nll = Buffer<Double>(uninitialized: stage.capacity)
        var total = 0.0
        let lowRank = ranks.evaluationPass(of: stage)
        // Every rank asks after the same batches: as many as the largest share has, a pace that the ranks agree on.
        let largest = (windows.count + topology.replicas - 1) / topology.replicas
        let batches = (largest + most - 1) / most
        var nextLook = 1
        for number in 0..<batches {
            let first = share.lowerBound + number * most
            if first < share.upperBound {
                total += try negativeLogLikelihood(
                    of: text.shard, windows, first..<min(first + most, share.upperBound), lowRank: lowRank, into: nll)
            }
            guard number + 1 == nextLook, nextLook < batches else { continue }
            let answer = Buffer([Double(stopRequest()), monotonicSeconds() - start])
            try grid.world.allreduce(answer, .max)
            if answer[0] > 0 { return .failure(EvaluationStopped(stopRequest: Int32(answer[0]))) }
            progress(Double(nextLook) / Double(batches))
            nextLook += max(1, Int(Self.patience * Double(nextLook) / max(answer[1], 1e-3)))
        }
        total = try grid.world.allreduce(total, .sum)
        return .success(EvaluationReport(
            negativeLogLikelihood: total, tokens: windows.targets, words: text.words, bytes: text.bytes,
            seconds: monotonicSeconds() - start))
    }

    /// Collective over the replica's stages: the sum over some windows; 0 on all stages but the last.
    private func negativeLogLikelihood(
        of shard: Shard, _ windows: EvaluationWindows, _ range: Range<Int>, lowRank: LowRankPass, into nll: Buffer<Double>
    ) throws -> Double {
        let length = configuration.context
        let tokens = Buffer<Int32>(uninitialized: range.count * length)
        let targets = Buffer<Int32>(uninitialized: range.count * length)
        for (i, window) in range.enumerated() {
            let rows = (i * length)..<((i + 1) * length)
            shard.readWindow(windows.range(of: window), inputs: tokens[rows], targets: targets[rows])
        }
        return try negativeLogLikelihood(
            of: MicroBatch(
                sequences: range.count, length: length, tokens: tokens, targets: targets, samples: range.map { UInt64($0) }),
            lowRank: lowRank, into: nll)
    }

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
