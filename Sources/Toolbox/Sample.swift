import CommandLine
import Communicator
import Corpus
import Generation
import Kernels
import LowRank
import Model
import Options
import Worker

/// One continuation as `--json` prints it.
struct SampledText: Encodable {
    let prompt: String
    /// From 1 on.
    let sample: Int
    let text: String
    let prompt_tokens, tokens: Int
    let ending: Ending
}

extension SampleOptions: Tool {
    /// Prompts that are continued at once: weights are read once for all of them, and each has a cache.
    private static let batch = 16

    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String {
        let sampling = try agreed(on: world) {
            guard world.size == 1 else {
                throw ConfigurationError("drrl sample runs on one rank; start it without mpirun, and give it --threads")
            }
            guard !stop.contains("") else { throw ConfigurationError("--stop is empty; give it some text, or leave it out") }
            try EvaluationPlan.check(threads: threads)
            return try own.sampling()
        }
        let saved = try OpenCheckpoint(path: checkpoint, world: world), model = saved.run.model
        let (plan, texts, request) = try agreed(on: world) {
            let plan = try EvaluationPlan(
                context: own.values.value(of: SamplingOptions.context), stride: nil, attention, saved.run)
            guard !(plan.ranks.mode is OracleStrategy) else {
                throw ConfigurationError(
                    "--attention oracle tries levels on a segment's own tokens, which are not there yet; choose another")
            }
            guard !plan.ranks.namesLevels || plan.ranks.basis == .resident else {
                throw ConfigurationError(
                    "--basis online changes bases along a sequence, and with them all that is kept of it; use --basis resident")
            }
            let texts = try promptTexts()
            guard let tokenizer = saved.tokenizer else { throw ConfigurationError("\(checkpoint) holds no tokenizer") }
            let request = try SampleRequest(texts, own, tokenizer, context: plan.context)
            return (plan, texts, request)
        }
        let team = try ThreadCount(asked: threads, world: world)
        let runner = try WindowRunner(
            saved, rows: max(request.longest, Self.batch), length: plan.context, threads: team.threads,
            reducing: plan.ranks.namesLevels ? "--attention \(plan.ranks.name)" : nil,
            valueBasis: attention.values[AttentionOptions.valueBasis], world: world)
        let engine = try runner.engine(plan.ranks, on: world)
        return try agreed(on: world) {
            do {
                try engine.requireLevels(length: plan.context)
            } catch {
                throw ConfigurationError("\(checkpoint): \(error)")
            }
            let stage = runner.stage(for: engine.options), pass = engine.evaluationPass(of: stage)
            if engine.isReducing { stage.fold(pass) }
            var ends = Set(model.textEnds?.end?.map(Int32.init) ?? [])
            ends.insert(request.tokenizer.endOfText)
            let generator = Generator(
                stage, tokenizer: request.tokenizer, sampling: sampling, limit: request.limit, stops: stop,
                ends: ignoreEnd ? [] : ends, lowRank: engine.isReducing ? pass : nil, levelLength: plan.context)
            var costs = GenerationCosts()
            try write(texts, request, generator, &costs)
            remark(costs.line)
            return ""
        }
    }

    /// Generates batch after batch, and prints.
    private func write(
        _ texts: [String], _ request: SampleRequest, _ generator: Generator, _ costs: inout GenerationCosts
    ) throws {
        let prompts = request.prompts, isAlone = prompts.count == 1 && !json
        if isAlone { try StandardOutput.write(texts[0]) }
        for first in stride(from: 0, to: prompts.count, by: Self.batch) {
            let own = first..<min(first + Self.batch, prompts.count)
            let found = try generator.continuations(of: Array(prompts[own]), &costs) { _, piece in
                if isAlone { try StandardOutput.write(piece) }
            }
            if isAlone { try StandardOutput.write("\n") }
            for (number, continuation) in zip(own, found) where !isAlone {
                let text = texts[number / request.samples], sample = number % request.samples + 1
                guard json else {
                    let which = request.samples > 1 ? ", sample \(sample) of \(request.samples)" : ""
                    try StandardOutput.write(
                        "--- prompt \(number / request.samples + 1) of \(texts.count)\(which)\n\(text)\(continuation.text)\n")
                    continue
                }
                try StandardOutput.write(try jsonLine(SampledText(
                    prompt: text, sample: sample, text: continuation.text, prompt_tokens: prompts[number].tokens.count,
                    tokens: continuation.tokens.count, ending: continuation.ending)) + "\n")
            }
        }
    }
}

/// The prompts of `drrl sample` as tokens, and how far each may go on.
struct SampleRequest {
    let tokenizer: ByteLevelBPE
    /// Of each prompt.
    let samples: Int
    /// Those of a prompt one after the other.
    let prompts: [Prompt]
    /// Most tokens of a continuation.
    let limit: Int

    /// Tokens of the longest prompt.
    var longest: Int { prompts.map(\.tokens.count).max() ?? 0 }

    /// - Throws: `ConfigurationError` for a prompt that is empty, that the tokenizer cannot hold or that the context cannot,
    ///   and for more tokens than it leaves.
    init(
        _ texts: [String], _ options: SamplingOptions, _ tokenizer: ByteLevelBPE, context: Int
    ) throws(ConfigurationError) {
        samples = try options.values.value(of: SamplingOptions.samples)
        self.tokenizer = tokenizer
        var prompts: [Prompt] = []
        for (i, text) in texts.enumerated() {
            let name = texts.count == 1 ? "the prompt" : "prompt \(i + 1) of \(texts.count)"
            guard !text.isEmpty else { throw ConfigurationError("\(name) is empty; give it a text to go on from") }
            let tokens = tokenizer.encode(text), back = try? tokenizer.decode(tokens)
            // A tokenizer may compose characters, which are then the same text.
            guard let back, String(decoding: back, as: UTF8.self) == text else {
                throw ConfigurationError(
                    "\(name) has a character that the checkpoint's tokenizer has no token for; leave it out")
            }
            guard tokens.count < context else {
                throw ConfigurationError(
                    "\(name) has \(tokens.count) tokens, and the context of \(context) must hold its continuation too; shorten it")
            }
            prompts += (0..<samples).map { Prompt(tokens: tokens, sample: UInt64($0)) }
        }
        self.prompts = prompts
        let left = context - (prompts.map(\.tokens.count).max() ?? 0)
        limit = try options.values.value(of: SamplingOptions.tokens) ?? min(SamplingOptions.standardTokens, left)
        guard limit <= left else {
            throw ConfigurationError(
                "--tokens is \(limit), and a prompt of \(context - left) tokens leaves \(left) of the context of \(context)")
        }
    }
}

extension GenerationCosts {
    /// What a person is told at the end.
    var line: String {
        func rate(_ tokens: Int, _ seconds: Double) -> String {
            tokens == 0 ? "no tokens" : "\(tokens) tokens at \(fixed(Double(tokens) / seconds, 1)) tokens/s"
        }
        let saved = fullCacheBytes - cacheBytes, cache = "cache \(grouped(Double(cacheBytes))) bytes"
        return "prefill \(rate(promptTokens, prefillSeconds)); decode \(rate(decodedTokens, decodeSeconds)); \(cache)"
            + (saved > 0 ? ", \(grouped(Double(saved))) fewer than at all columns" : "")
    }
}
