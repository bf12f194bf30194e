import CommandLine
import Communicator
import Files
import Foundation
import JSON
import Kernels
import LowRank
import Model
import Options
import Worker

/// Collective: `drrl evaluate`. Each rank holds the whole model and takes a share of the windows; the report is the same
/// on every rank, and rank 0 writes the per-token file.
///
/// - Throws: `AgreedError` for what a user can mend, and `MPIError`.
func evaluate(_ options: EvaluateOptions, on world: borrowing Communicator) throws -> AttendedEvaluation {
    let isRoot = world.rank == 0
    let saved = try OpenCheckpoint(path: options.common.checkpoint, world: world)
    let model = saved.run.model, perToken = options.own.values[WindowOptions.perToken]
    let plan = try agreed(on: world) {
        try EvaluationPlan.check(threads: options.common.threads)
        let given = options.own.values
        return try EvaluationPlan(
            context: given.value(of: WindowOptions.context), stride: given.value(of: WindowOptions.stride),
            options.attention, saved.run)
    }
    let text = try EvaluationText(
        path: options.common.text, tokenizer: saved.tokenizer, specialText: options.common.specialText, world: world)
    let windowed = try agreed(on: world) {
        try WindowedText(text.tokens, context: plan.context, stride: plan.stride)
    }
    var table: LineFile?
    try agreed(on: world) {
        // Before the work, so that a path that cannot be written costs none.
        guard isRoot, let path = perToken else { return }
        for input in [options.common.text, options.common.checkpoint] where SystemFile.areSame(input, path) {
            throw ConfigurationError("--per-token \(path) would overwrite \(input); name another file")
        }
        table = try LineFile(path, option: WindowOptions.perToken.name)
        try table?.write(TokenRecord.header(layers: model.layers))
    }
    let threads = try ThreadCount(asked: options.common.threads, world: world).threads
    let isReduced = plan.ranks.namesLevels
    let runner = try WindowRunner(
        saved, rows: plan.context, threads: threads,
        reducing: isReduced ? "--attention \(plan.ranks.name)" : nil,
        valueBasis: options.attention.values[AttentionOptions.valueBasis], world: world)
    let engine = try runner.engine(plan.ranks, on: world)
    let run = try runner.run(windowed, engine, on: world)

    if perToken != nil {
        let nll = try world.gather(run.record.nll, root: 0), ranks = try world.gather(run.record.ranks, root: 0)
        try agreed(on: world) {
            guard let nll, let ranks else { return }
            try table?.write(TokenRecord(nll: nll.flatMap(\.self), ranks: ranks.flatMap(\.self)).lines(text.tokens))
            try table?.finish()
        }
    }

    let loss = EvaluationReport(
        negativeLogLikelihood: run.nll, tokens: windowed.windows.targets, words: text.words, bytes: text.bytes)
    let evaluation = TextEvaluation(
        checkpoint: options.common.checkpoint, step: runner.saved.step, text: options.common.text, text_hash: text.hash,
        tokenizer_hash: runner.saved.tokenizerHash, tokens: text.tokens.count, predicted_tokens: loss.tokens,
        words: loss.words, bytes: loss.bytes, context: plan.context, stride: plan.stride,
        segment: plan.ranks.segment, attention: plan.ranks.name,
        levels: isReduced ? plan.ranks.levels.map(\.description) : [], basis: isReduced ? plan.ranks.basis : nil,
        ranks: world.size, threads: threads,
        nll: loss.negativeLogLikelihood, token_perplexity: JSONNumber(loss.perplexity),
        word_perplexity: JSONNumber(loss.wordPerplexity), bits_per_byte: loss.bitsPerByte,
        flops: run.flops, seconds: run.seconds, overhead_seconds: run.overheadSeconds, score_rank: run.scoreRank, value_rank: run.valueRank)
    return AttendedEvaluation(evaluation, plan.ranks)
}
