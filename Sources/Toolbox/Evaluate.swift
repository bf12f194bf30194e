import Communicator
import DynamicRank
import Foundation
import Kernels
import Trainer
import Transformer
import Worker

/// Collective: `drrl evaluate`. Each rank holds the whole model and takes a share of the windows; the report is the same
/// on every rank, and rank 0 writes the per-token file.
///
/// Throws `AgreedError` for what a user can mend, and `MPIError`.
func evaluate(_ options: EvaluateOptions, on world: borrowing Communicator) throws -> TextEvaluation {
    let isRoot = world.rank == 0
    let saved = try SavedModel(path: options.checkpoint, world: world)
    let model = saved.run.model
    let plan = try agreed(on: world) { try EvaluationPlan(options, saved.run) }
    let stream = try TokenStream(path: options.text, tokenizer: saved.tokenizer, world: world)
    let windows = try agreed(on: world) {
        try StridedWindows(tokens: stream.tokens.count, context: plan.context, stride: plan.stride)
    }
    var table: TokenTable?
    try agreed(on: world) {
        // Before the work, so that a path that cannot be written costs none.
        guard isRoot, let path = options.perToken else { return }
        func resolved(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
        for input in [options.text, options.checkpoint] where resolved(input) == resolved(path) {
            throw ConfigurationError("--per-token \(path) would overwrite \(input); name another file")
        }
        table = try TokenTable(path)
        try table?.writeHeader(layers: model.layers)
    }
    let threads = try ThreadCount(asked: options.threads, world: world).threads
    let team = Team(threads: threads)
    let engine = try agreed(on: world) {
        try RankEngine(
            model, layers: 0..<model.layers, options: plan.ranks, seed: saved.run.training.seed, team: team,
            now: monotonicSeconds)
    }
    let isReduced = plan.ranks.strategy.namesLevels
    if isReduced { try saved.readBases(into: engine, world: world) }
    let stage = TransformerStage(
        model, placement: .whole(model), rows: plan.context, team: team, forTraining: false,
        attention: plan.ranks.attentionKind(seed: saved.run.training.seed))
    try saved.readWeights(into: stage, world: world)

    try world.barrier()
    let start = monotonicSeconds()
    let record = predict(
        windows, of: stream.tokens, share: Topology.share(of: windows.count, part: world.rank, of: world.size),
        stage: stage, engine: engine)
    let flops = team.flops
    let kinds: [FlopKind] = [.projections, .scores, .values, .upkeep]
    let sums = Buffer(
        [record.nll.reduce(0, +)] + kinds.map { Double(flops[$0]) } + [Double(flops.exponentials)]
            + record.rankSums(layers: model.layers))
    try world.allreduce(sums, .sum)
    let seconds = try world.allreduce(monotonicSeconds() - start, .max)
    try agreed(on: world) {
        guard sums[0].isFinite else {
            throw ConfigurationError("\(options.checkpoint): the loss on \(options.text) is not finite; use another checkpoint")
        }
    }

    if options.perToken != nil {
        let nll = try world.gather(record.nll, root: 0), ranks = try world.gather(record.ranks, root: 0)
        try agreed(on: world) {
            guard let nll, let ranks else { return }
            try table?.write(TokenRecord(nll: nll.flatMap(\.self), ranks: ranks.flatMap(\.self)).lines(stream.tokens))
            try table?.finish()
        }
    }

    let predicted = Double(windows.targets), total = sums[0]
    let means = (0..<(2 * model.layers)).map { sums[6 + $0] / predicted }
    var share: Double?
    if case .energy(let asked) = plan.ranks.strategy { share = asked }
    var features: Int?, landmarks: Int?
    if case .performer(let count) = plan.ranks.strategy { features = count }
    if case .nystrom(let count) = plan.ranks.strategy { landmarks = count }
    return TextEvaluation(
        checkpoint: options.checkpoint, step: saved.step, text: options.text, text_hash: stream.hash,
        tokenizer_hash: saved.tokenizerHash, tokens: stream.tokens.count, predicted_tokens: windows.targets,
        words: stream.words, bytes: stream.bytes, context: plan.context, stride: plan.stride,
        segment: plan.ranks.segment, attention: plan.ranks.strategy.name,
        levels: isReduced ? plan.ranks.levels.map(\.description) : [], energy: share, features: features,
        landmarks: landmarks, ranks: world.size,
        threads: threads, nll: total, token_perplexity: finite(exp(total / predicted)),
        word_perplexity: finite(exp(total / Double(stream.words))),
        bits_per_byte: total / log(2) / Double(stream.bytes),
        flops: TextEvaluation.FLOPs(
            projections: sums[1], scores: sums[2], values: sums[3], upkeep: sums[4],
            total: sums[1] + sums[2] + sums[3] + sums[4],
            full_attention: model.fullAttentionForwardFLOPs(sequences: windows.count, length: plan.context),
            exponentials: sums[5]),
        seconds: seconds, score_rank: (0..<model.layers).map { means[2 * $0] },
        value_rank: (0..<model.layers).map { means[2 * $0 + 1] })
}

private func finite(_ x: Double) -> Double? { x.isFinite ? x : nil }

/// Runs the windows of `share`, each alone and padded to one context: a token's numbers then depend on what comes before
/// it in its window and on nothing else, bit for bit, whatever the rank or the number of windows.
private func predict(
    _ windows: StridedWindows, of tokens: Buffer<Int32>, share: Range<Int>, stage: TransformerStage, engine: RankEngine
) -> TokenRecord {
    let L = windows.context, d = Int32(stage.configuration.headWidth)
    let lowRank = engine.evaluationPass(of: stage)
    if engine.isReducing && !share.isEmpty { stage.fold(lowRank) }
    let activations = stage.makeActivations()
    let inputs = Buffer<Int32>(uninitialized: L), targets = Buffer<Int32>(uninitialized: L)
    let nll = Buffer<Double>(uninitialized: L)
    var record = TokenRecord()
    for i in share {
        let read = windows.inputs(of: i), predicted = windows.predicted(by: i)
        inputs.fill(0)
        targets.fill(-1)
        inputs[0..<read.count].copy(from: tokens[read])
        // Row r reads token read.lowerBound + r and predicts the one after it.
        let rows = (predicted.lowerBound - 1 - read.lowerBound)..<read.count
        targets[rows].copy(from: tokens[predicted])
        let batch = MicroBatch(sequences: 1, length: L, tokens: inputs, targets: targets, samples: [UInt64(i)])
        stage.forward(batch, activations, lowRank: lowRank)
        stage.negativeLogLikelihood(batch, activations, into: nll)
        record.nll += nll[rows].array
        for row in rows {
            for levels in activations.levels {
                let level = levels?[sequence: 0, row: row]
                record.ranks.append(level.map { Int32($0.scoreRank) } ?? d)
                record.ranks.append(level.map { Int32($0.valueRank) } ?? d)
            }
        }
    }
    return record
}
