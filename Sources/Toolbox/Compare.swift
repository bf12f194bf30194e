import CommandLine
import Communicator
import Corpus
import Foundation
import Kernels
import LowRank
import Model
import Options
import Worker

/// Collective: `drrl compare`. Each rank holds the whole model and takes a share of the windows; the report is the same on
/// every rank.
///
/// - Throws: `AgreedError` for what a user can mend, and `MPIError`.
func compare(
    _ options: CompareOptions, _ arguments: [String], on world: borrowing Communicator
) throws -> Comparison {
    let saved = try OpenCheckpoint(path: options.common.checkpoint, world: world)
    let plan = try agreed(on: world) { try ComparisonPlan(options, saved.run, holdsForecast: saved.holdsForecast) }
    let text = try EvaluationText(
        path: options.common.text, tokenizer: saved.tokenizer, specialText: options.common.specialText, world: world)
    let calibrate = options.own.values[ComparisonOptions.calibrate]
    let other = try calibrate.map {
        try EvaluationText(path: $0, tokenizer: saved.tokenizer, specialText: options.common.specialText, world: world)
    }
    let threads = try ThreadCount(asked: options.common.threads, world: world).threads
    let longest = plan.contexts.map(\.context).max() ?? 1
    let (measured, calibration) = try agreed(on: world) {
        if let other { return (text.tokens, other.tokens) }
        return try split(text.tokens, longest: longest, path: options.common.text)
    }
    let namesLevels = !plan.budgets.isEmpty || plan.contexts.contains { $0.entries.contains(where: \.namesLevels) }
    let runner = try WindowRunner(
        saved, rows: longest, threads: threads, reducing: namesLevels ? "compare" : nil,
        valueBasis: options.attention.values[AttentionOptions.valueBasis], world: world)
    let isSeen = world.rank == 0 && isatty(STDERR_FILENO) == 1
    func say(_ text: String) { if isSeen { remark("compare: \(text)") } }

    var tables: [Comparison.Table] = []
    for own in plan.contexts {
        func windowed(_ tokens: Tokens) throws -> WindowedText {
            let most = plan.windows.map { own.context + (min($0, tokens.count) - 1) * own.stride + 1 } ?? tokens.count
            return try WindowedText(tokens[0..<min(most, tokens.count)], context: own.context, stride: own.stride)
        }
        let texts = try agreed(on: world) { (try windowed(measured), try windowed(calibration)) }
        let chosen = ComparisonRows(runner, own, budgets: plan.budgets, measured: texts.0, calibration: texts.1)
        say("context \(own.context), \(texts.0.windows.count) windows: choosing levels")
        let rows = try chosen.rows(on: world)
        let engines = try rows.map { try runner.engine($0.options, on: world) }
        var runs: [WindowRun] = []
        var seconds = rows.map { _ in [Double]() }
        for round in 0..<plan.repeats {
            say("context \(own.context), round \(round + 1) of \(plan.repeats): \(rows.count) strategies")
            for (i, engine) in engines.enumerated() {
                let run = try runner.run(texts.0, engine, on: world)
                seconds[i].append(run.seconds)
                if round == 0 { runs.append(run) }
            }
        }
        let needles = try plan.needles.map {
            try NeedleWindows.shared(
                $0.windows, own, pairs: $0.pairs, from: measured, runner.saved.tokenizer, seed: runner.saved.run.training.seed,
                on: world)
        }
        let recalls = try engines.map { engine in
            try needles.map {
                say("context \(own.context): recall in \($0.windows.count) windows, \(engine.options.name)")
                return try runner.recall($0, engine, on: world)
            }
        }
        let ceilings = try plan.oracle.flatMap { oracle in
            try CeilingSearch(runner, own, oracle, budgets: plan.budgets, say: say)
                .ceilings(measured, rows: Array(zip(rows, engines)), chosen.options(EnergyRule(keeping: 1)), on: world)
        }
        let energy = own.modes[ComparisonEntry(type: EnergyRule.self)] as? EnergyRule
        tables.append(Comparison.Table(
            context: own.context, stride: own.stride, segment: own.segment,
            levels: own.levels.map(\.description), basis: own.basis, energy: energy?.share ?? 1, windows: texts.0.windows.count,
            predicted_tokens: texts.0.windows.targets, calibration_windows: texts.1.windows.count,
            calibration_tokens: texts.1.tokens.count, reference: own.reference.name,
            reference_flops: chosen.budget, reference_histogram: chosen.referenceShares, search: chosen.search,
            // Full attention is always first.
            rows: rows.indices.map {
                Comparison.Row(
                    rows[$0], runs[$0], seconds: seconds[$0], full: runs[0], fullSeconds: seconds[0],
                    windows: texts.0.windows, recall: recalls[$0])
            }, ceilings: ceilings))
    }
    return Comparison(
        arguments: arguments, checkpoint: options.common.checkpoint, step: runner.saved.step, text: options.common.text,
        calibration_text: calibrate ?? "its first \(calibration.count) tokens, which are not measured",
        text_hash: text.hash, calibration_hash: other?.hash ?? text.hash, tokenizer_hash: runner.saved.tokenizerHash,
        tokens: text.tokens.count, repeats: plan.repeats, window_limit: plan.windows, ranks: world.size,
        threads: threads, openblas_core: OpenBLASCore.name,
        openblas_coretype: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"], contexts: tables)
}

/// What is measured, and what levels are chosen on: the first tenth of the text in whole windows of the longest context,
/// at least four of them, and at most half the text.
///
/// - Throws: `ConfigurationError` where that leaves nothing to predict.
private func split(
    _ tokens: Tokens, longest: Int, path: String
) throws(ConfigurationError) -> (measured: Tokens, calibration: Tokens) {
    let part = min(tokens.count / 2, max(tokens.count / 10 / longest, 4) * longest)
    guard part >= 2 else {
        throw ConfigurationError(
            "\(path) has only \(tokens.count) tokens, too few to set some aside; give another text with --calibrate")
    }
    return (tokens[part..<tokens.count], tokens[0..<part])
}
