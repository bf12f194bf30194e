import Corpus
import Kernels
import Model
import Options

/// What a text goes on from.
public struct Prompt: Equatable, Sendable {
    /// At least one.
    public let tokens: [Int32]
    /// Its number among samples of the same prompt, which draws follow.
    public let sample: UInt64

    public init(tokens: [Int32], sample: UInt64 = 0) {
        precondition(!tokens.isEmpty, "a prompt without tokens")
        self.tokens = tokens
        self.sample = sample
    }
}

/// Why a text ended.
public enum Ending: String, Codable, Sendable {
    /// The model said that it ends.
    case endOfText = "end-of-text"
    /// A stop string came.
    case stop
    /// It has as many tokens as were asked for.
    case length
}

/// What a prompt was continued by.
public struct Continuation: Equatable, Sendable {
    /// Without the stop string or the token that ended it.
    public let text: String
    /// All that were drawn.
    public let tokens: [Int32]
    public let ending: Ending
}

/// What generating took.
public struct GenerationCosts: Equatable, Sendable {
    /// Tokens of prompts, and seconds that taking them in took.
    public var promptTokens = 0, prefillSeconds = 0.0
    /// Tokens that were drawn after the first of each text, which the prompt's pass gave, and seconds that these took.
    public var decodedTokens = 0, decodeSeconds = 0.0
    /// Bytes of the largest batch's caches, and what they would be at all columns.
    public var cacheBytes = 0, fullCacheBytes = 0

    public init() {}
}

/// A model that continues prompts, several at a time.
public struct Generator {
    public let sampler: Sampler
    /// Most tokens that a prompt is continued by.
    public let limit: Int
    /// Strings that end a text.
    public let stops: [String]
    /// Tokens that end a text.
    public let ends: Set<Int32>
    private let stage: TransformerStage
    private let tokenizer: any Tokenizer
    private let lowRank: LowRankPass?
    private let levelLength: Int

    /// - Parameters:
    ///   - stage: The whole model, with room for the longest prompt, and for a row of each of a batch.
    ///   - tokenizer: The model's; ids beyond its vocabulary are not drawn.
    ///   - lowRank: Names levels, or nil.
    ///   - levelLength: Tokens of the sequences for which levels are named: at least those of prompt and continuation.
    ///   - stops: None is empty.
    public init(
        _ stage: TransformerStage, tokenizer: any Tokenizer, sampling: Sampling, limit: Int, stops: [String] = [],
        ends: Set<Int32> = [], lowRank: LowRankPass? = nil, levelLength: Int
    ) {
        precondition(limit >= 1 && stops.allSatisfy { !$0.isEmpty })
        self.stage = stage
        self.tokenizer = tokenizer
        sampler = Sampler(sampling)
        self.limit = limit
        self.stops = stops
        self.ends = ends
        self.lowRank = lowRank
        self.levelLength = levelLength
    }

    /// A text that grows.
    private struct Text {
        let sample: UInt64
        var seen: Set<Int32>
        var stream: TextStream
        var shown = ""
        var tokens: [Int32] = []
        var ending: Ending?
    }

    /// Continues all of `prompts` at once. A continuation is the same whatever prompts go beside it.
    ///
    /// - Parameters:
    ///   - costs: Is added to.
    ///   - show: Is given each prompt's number and what of its continuation can be shown, as it comes.
    /// - Throws: `ConfigurationError` for what cannot be decoded, `UnusableFileError` where the model gives no numbers, and
    ///   what `show` throws.
    public func continuations(
        of prompts: [Prompt], _ costs: inout GenerationCosts, show: (Int, String) throws -> Void = { _, _ in }
    ) throws -> [Continuation] {
        let longest = prompts.map(\.tokens.count).max() ?? 0
        let decoder = try TokenDecoder(
            stage, sequences: prompts.count, length: longest + limit - 1, lowRank: lowRank, levelLength: levelLength,
            samples: prompts.map(\.sample))
        if decoder.fullCacheBytes > costs.fullCacheBytes {
            (costs.cacheBytes, costs.fullCacheBytes) = (decoder.cacheBytes, decoder.fullCacheBytes)
        }
        var texts = prompts.map {
            Text(sample: $0.sample, seen: Set($0.tokens), stream: TextStream(stops: stops))
        }
        for (i, prompt) in prompts.enumerated() {
            let start = monotonicSeconds(), logits = decoder.prefill(prompt.tokens, sequence: i)
            costs.prefillSeconds += monotonicSeconds() - start
            costs.promptTokens += prompt.tokens.count
            try grow(&texts[i], i, by: logits, row: 0, position: decoder.positions[i], show)
        }
        while true {
            let open = texts.indices.filter { texts[$0].ending == nil }
            if open.isEmpty { break }
            let start = monotonicSeconds(), logits = decoder.advance(open.map { ($0, texts[$0].tokens[texts[$0].tokens.count - 1]) })
            for (row, i) in open.enumerated() {
                try grow(&texts[i], i, by: logits, row: row, position: decoder.positions[i], show)
            }
            costs.decodeSeconds += monotonicSeconds() - start
            costs.decodedTokens += open.count
        }
        return texts.map { Continuation(text: $0.shown, tokens: $0.tokens, ending: $0.ending ?? .length) }
    }

    /// Draws a text's token at `position` by a row of logits.
    private func grow(
        _ text: inout Text, _ number: Int, by logits: Matrix, row: Int, position: Int, _ show: (Int, String) throws -> Void
    ) throws {
        let own = logits.rows(row..<(row + 1)), count = min(own.columns, tokenizer.vocabularySize)
        let numbers = Array(UnsafeBufferPointer(start: own.pointer, count: count))
        guard let token = sampler.next(numbers, seen: text.seen, sample: text.sample, position: position) else {
            throw UnusableFileError("the model's logits are not finite at position \(position); use another checkpoint")
        }
        text.tokens.append(token)
        text.seen.insert(token)
        var piece = ""
        if ends.contains(token) {
            text.ending = .endOfText
        } else {
            piece = text.stream.add(try tokenizer.decode([token]))
            text.ending = text.stream.isStopped ? .stop : text.tokens.count == limit ? .length : nil
        }
        if text.ending != nil { piece += text.stream.finish() }
        text.shown += piece
        if !piece.isEmpty { try show(number, piece) }
    }
}
