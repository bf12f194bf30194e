import Communicator
import Kernels
import LowRank
import Model
import Options

/// What a model made of a request.
struct ScoredRequest: Equatable {
    /// log p of the continuation given the context, in nats.
    let logLikelihood: Double
    /// Whether each of its tokens is the likeliest, those before it given.
    let isGreedy: Bool
}

extension WindowRunner {
    /// Collective: ranks share the batches.
    ///
    /// - Parameter progress: told on each rank the share of its batches that is done.
    /// - Returns: by request; the same on every rank and for any number of them.
    /// - Throws: `AgreedError` where levels cannot be named or a likelihood is not finite, and `MPIError`.
    func score(
        _ requests: [ScoreRequest], in batches: [ScoreBatch], _ engine: RankEngine, on world: borrowing Communicator,
        progress: (Double) -> Void = { _ in }
    ) throws -> (scored: [ScoredRequest], flops: AttentionFLOPs, seconds: Double) {
        try agreed(on: world) {
            for length in Set(batches.map(\.length)).sorted(by: >) {
                do {
                    try engine.requireLevels(length: length)
                } catch {
                    throw ConfigurationError("\(saved.path): \(error)")
                }
            }
        }
        let stage = stage(for: engine.options)
        team.flops.reset()
        let start = monotonicSeconds(), lowRank = engine.evaluationPass(of: stage)
        var nll = [Double](repeating: 0, count: requests.count), misses = nll
        let own = stride(from: world.rank, to: batches.count, by: world.size)
        for i in own {
            let batch = batches[i], micro = micro(batch, requests)
            stage.forward(micro, activations, lowRank: lowRank)
            let rows = batch.requests.enumerated().flatMap { place, request in
                predictingRows(of: requests[request]).map { place * batch.length + $0 }
            }
            var predictions = stage.predictions(atRows: rows, micro, activations)[...]
            for request in batch.requests {
                let count = requests[request].predicted
                for token in predictions.prefix(count) {
                    nll[request] += token.nll
                    if !token.isLikeliest { misses[request] += 1 }
                }
                predictions = predictions.dropFirst(count)
            }
            progress(Double(i + 1) / Double(batches.count))
        }
        let counts = AttentionFLOPs.counts(team.flops), sums = Buffer(nll + misses + counts)
        try world.allreduce(sums, .sum)
        let seconds = try world.allreduce(monotonicSeconds() - start, .max), n = requests.count
        try agreed(on: world) {
            guard sums[0..<n].array.allSatisfy(\.isFinite) else {
                throw UnusableFileError(
                    "\(saved.path): a likelihood with \(engine.options.name) attention is not finite; use another checkpoint")
            }
        }
        func full(_ flops: (_ sequences: Int, _ length: Int) -> Double) -> Double {
            batches.reduce(0) { $0 + flops($1.requests.count, $1.length) }
        }
        return (
            (0..<n).map { ScoredRequest(logLikelihood: -sums[$0], isGreedy: sums[n + $0] == 0) },
            AttentionFLOPs(
                counts: sums.array[(2 * n)...],
                fullAttention: full { model.fullAttentionForwardFLOPs(sequences: $0, length: $1) },
                fullProjections: full { model.fullProjectionFLOPs(sequences: $0, length: $1) }),
            seconds)
    }

    /// The inputs at which a request's continuation is predicted.
    private func predictingRows(of request: ScoreRequest) -> Range<Int> {
        (request.inputs.count - request.predicted)..<request.inputs.count
    }

    /// A batch as the model reads it; what pads a sequence comes after all of its tokens, so that none sees it.
    private func micro(_ batch: ScoreBatch, _ requests: [ScoreRequest]) -> MicroBatch {
        let rows = batch.requests.count * batch.length
        let tokens = Buffer<Int32>(count: rows, repeating: 0), targets = Buffer<Int32>(count: rows, repeating: -1)
        for (place, i) in batch.requests.enumerated() {
            let request = requests[i], first = place * batch.length
            for (row, token) in request.inputs.enumerated() { tokens[first + row] = token }
            for row in predictingRows(of: request) { targets[first + row] = request.tokens[row + 1] }
        }
        return MicroBatch(
            sequences: batch.requests.count, length: batch.length, tokens: tokens, targets: targets,
            samples: batch.requests.map { UInt64($0) })
    }
}
