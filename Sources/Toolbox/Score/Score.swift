import CommandLine
import Communicator
import Corpus
import Files
import Kernels
import LowRank
import Model
import Options
import Worker

/// Collective: `drrl score`. Each rank holds the whole model and takes a share of the batches; the report is the same on
/// every rank and for any number of them, and rank 0 writes the per-item file.
///
/// - Throws: `AgreedError` for what a user can mend, and `MPIError`.
func score(_ options: ScoreOptions, on world: borrowing Communicator) throws -> ScoreReport {
    let saved = try OpenCheckpoint(path: options.checkpoint, world: world)
    let given = options.own.values, step = saved.step, tokenizerHash = saved.tokenizerHash
    let plan = try agreed(on: world) {
        try EvaluationPlan.check(threads: options.threads)
        return try EvaluationPlan(
            context: given.value(of: ItemOptions.context) ?? saved.run.model.longestContext, stride: nil, options.attention,
            saved.run)
    }
    var task: ScoredTask?, own: [ScoreRequest]?
    try agreed(on: world) {
        guard let tokenizer = saved.tokenizer else { return }
        let read = try ScoredTask(contentsOf: options.task, limit: given.value(of: ItemOptions.limit))
        own = try read.requests(
            tokenizer, start: saved.run.model.startOfText(tokenizer), context: plan.context, path: options.task)
        task = read
    }
    let requests = try world.shared(own)
    var table: LineFile?
    try agreed(on: world) {
        // Before the work, so that a path that cannot be written costs none.
        guard world.rank == 0, let path = given[ItemOptions.perItem] else { return }
        for input in [options.task, options.checkpoint] where SystemFile.areSame(input, path) {
            throw ConfigurationError("--per-item \(path) would overwrite \(input); name another file")
        }
        table = try LineFile(path, option: ItemOptions.perItem.name)
    }
    let threads = try ThreadCount(asked: options.threads, world: world).threads
    let longest = requests.map(\.inputs.count).max() ?? 1
    let length = ScoreBatch.paddedLength(longest, context: plan.context), rows = max(length, usualRows)
    let runner = try WindowRunner(
        saved, rows: rows, length: length, threads: threads,
        reducing: plan.ranks.namesLevels ? "--attention \(plan.ranks.name)" : nil,
        valueBasis: options.attention.values[AttentionOptions.valueBasis], world: world)
    let engine = try runner.engine(plan.ranks, on: world)
    let batches = ScoreBatch.all(requests, rows: rows, context: plan.context)
    let run = try runner.score(requests, in: batches, engine, on: world)

    // Rank 0 alone has the task, and tells the others what came of it.
    var found: ScoreReport?
    try agreed(on: world) {
        guard let task else { return }
        var first = 0
        let items = task.items.map { item in
            let own = first..<(first + item.choices.count)
            first = own.upperBound
            return ItemScore(item, task.kind, requests[own], run.scored[own])
        }
        for item in items { try table?.write(jsonLine(item) + "\n") }
        try table?.finish()
        let hasChoices = task.kind == .multipleChoice
        found = ScoreReport(
            checkpoint: options.checkpoint, step: step, tokenizer_hash: tokenizerHash, task: options.task,
            task_hash: task.hash, kind: task.kind, items: items.count, shortened_items: items.count { $0.left_out > 0 },
            tokens: requests.reduce(0) { $0 + $1.inputs.count },
            predicted_tokens: requests.reduce(0) { $0 + $1.predicted }, context: plan.context, attention: plan.ranks.name,
            attention_summary: plan.ranks.summary ?? FullAttention.name, flops: run.flops, ranks: world.size,
            threads: threads, seconds: run.seconds, acc: ScoreMean(shareOf: items.map(\.acc)),
            acc_norm: hasChoices ? ScoreMean(shareOf: items.map { $0.prediction_norm == $0.answer }) : nil,
            acc_bytes: hasChoices ? ScoreMean(shareOf: items.map { $0.prediction_bytes == $0.answer }) : nil,
            perplexity: hasChoices ? nil : ScoreMean(items.map { -$0.choices[0].loglikelihood }).exponential)
    }
    return try world.shared(found)
}

/// Rows of a batch, unless one item has more: enough for products to run at their full rate.
private let usualRows = 1024

extension ModelConfiguration {
    /// What is read where nothing else comes first, as in lm-evaluation-harness: the token that starts a text, or else the one
    /// that ends it, of the files that the model came in, or else of its tokenizer.
    fileprivate func startOfText(_ tokenizer: ByteLevelBPE) -> Int32 {
        if let own = textEnds?.start?.first ?? textEnds?.end?.first { return Int32(own) }
        return tokenizer.startOfText ?? tokenizer.endOfText
    }
}
