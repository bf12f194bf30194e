import Corpus
import Foundation
import Generation
import Kernels
import Model
import Testing

/// A token for each byte, and one that ends a text.
private struct Bytes: Tokenizer {
    let vocabularySize = 257, endOfText: Int32 = 256, hash = ""
    func encode(_ text: Span<UInt8>) -> [Int32] { text.indices.map { Int32(text[$0]) } }
    func decode(_ tokens: [Int32]) throws(CorpusError) -> [UInt8] { tokens.filter { $0 < 256 }.map { UInt8($0) } }
}

/// Random models of both families, whose vocabulary has more tokens than their tokenizer.
@Suite struct GeneratorTests {
    enum Family: CaseIterable { case gpt2, llama }

    private static let context = 60

    private func stage(_ family: Family) throws -> TransformerStage {
        let shape = LlamaShape(
            keyValueHeads: 2, headWidth: 12, feedForwardWidth: 56, normEpsilon: 1e-5, rotation: RotaryPositions(base: 10_000),
            mostPositions: Self.context, hasInputBias: false, tiesHead: false)
        let configuration = try ModelConfiguration(
            vocabularySize: 300, context: Self.context, width: 36, heads: 6, layers: 2,
            family: family == .gpt2 ? .gpt2 : .llama(shape))
        let stage = TransformerStage(
            configuration, placement: .whole(configuration), rows: Self.context, team: Team(threads: 2), forTraining: false)
        stage.parameters.initialize(seed: 3)
        // Larger weights, so that logits differ.
        for i in 0..<stage.parameters.values.count { stage.parameters.values[i] *= 6 }
        return stage
    }

    private func generator(
        _ stage: TransformerStage, _ sampling: Sampling = Sampling(temperature: 0.9, topK: 40, seed: 4), limit: Int = 20,
        stops: [String] = [], ends: Set<Int32> = []
    ) -> Generator {
        Generator(
            stage, tokenizer: Bytes(), sampling: sampling, limit: limit, stops: stops, ends: ends, levelLength: Self.context)
    }

    private func continued(_ generator: Generator, _ prompts: [Prompt]) throws -> [Continuation] {
        var costs = GenerationCosts()
        return try generator.continuations(of: prompts, &costs)
    }

    private func prompt(_ text: String, sample: UInt64 = 0) -> Prompt { Prompt(tokens: Bytes().encode(text), sample: sample) }

    @Test(arguments: Family.allCases) func aBatchGivesWhatEachGivesAlone(family: Family) throws {
        let generator = generator(try stage(family))
        let prompts = [prompt("One"), prompt("A longer one of two"), prompt("One", sample: 1), prompt("x")]
        let together = try continued(generator, prompts)
        for (own, prompt) in zip(together, prompts) { #expect(try continued(generator, [prompt]) == [own]) }
        #expect(Set(together.map(\.tokens)).count == 4)
        #expect(together.allSatisfy { $0.tokens.count == 20 && $0.ending == .length && $0.tokens.allSatisfy { $0 < 257 } })
        let reseeded = self.generator(try stage(family), Sampling(temperature: 0.9, topK: 40, seed: 5))
        #expect(try continued(reseeded, prompts) != together)
    }

    /// The likeliest token after all before it, by the whole pass.
    @Test(arguments: Family.allCases) func withoutTemperatureItIsTheLikeliestText(family: Family) throws {
        let stage = try stage(family), start = prompt("Some text"), activations = stage.makeActivations()
        let found = try continued(generator(stage, Sampling(temperature: 0)), [start])[0]
        var tokens = start.tokens
        for token in found.tokens {
            let batch = MicroBatch(
                sequences: 1, length: tokens.count, tokens: Buffer(tokens), targets: Buffer(tokens), samples: [0])
            stage.forward(batch, activations)
            let logits = stage.logits(batch, activations).array.suffix(300).prefix(257)
            #expect(logits[logits.startIndex + Int(token)] >= (logits.max() ?? .nan) - 1e-4)
            tokens.append(token)
        }
    }

    @Test func whatIsShownIsTheText() throws {
        var costs = GenerationCosts(), shown = ["", ""]
        let prompts = [prompt("One"), prompt("Another")]
        let found = try generator(try stage(.llama)).continuations(of: prompts, &costs) { shown[$0] += $1 }
        #expect(shown == found.map(\.text) && found.allSatisfy { !$0.text.isEmpty })
        #expect(costs.promptTokens == 10 && costs.decodedTokens == 38)
        // Keys and values of both layers, two heads of 12 each, at all positions but the last.
        #expect(costs.cacheBytes == 2 * 2 * (7 + 19) * 2 * 2 * 12 * 4 && costs.fullCacheBytes == costs.cacheBytes)
    }

    @Test func aTextEndsWhereItIsToldTo() throws {
        let stage = try stage(.gpt2), start = prompt("One"), whole = try continued(generator(stage), [start])[0]
        let token = whole.tokens[7], before = Array(whole.tokens.prefix { $0 != token })
        let ended = try continued(generator(stage, ends: [token]), [start])[0]
        #expect(ended.tokens == before + [token] && ended.ending == .endOfText)
        let text = try Bytes().decode(before)
        #expect(ended.text == String(decoding: text, as: UTF8.self))
        let ascii = try #require(whole.tokens.dropFirst(3).firstIndex { (33..<127).contains($0) })
        let stop = String(UnicodeScalar(UInt8(whole.tokens[ascii]))), first = try #require(whole.tokens.firstIndex(of: whole.tokens[ascii]))
        let stopped = try continued(generator(stage, stops: ["never seen", stop]), [start])[0]
        #expect(stopped.ending == .stop && stopped.tokens == Array(whole.tokens[0...first]) && !stopped.text.contains(stop))
        #expect(try continued(generator(stage, limit: 1), [start])[0].tokens == [whole.tokens[0]])
    }
}
