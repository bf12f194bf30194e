import Foundation
import Generation
import Testing

@Suite struct SamplerTests {
    /// What transformers made (Golden/make_golden.py).
    private struct Golden: Decodable {
        struct Case: Decodable {
            let temperature, top_p, min_p, repetition_penalty: Double?
            let top_k: Int?
            let scores: [Float?]

            var sampling: Sampling {
                Sampling(
                    temperature: temperature ?? 1, topK: top_k, topP: top_p, minP: min_p,
                    repetitionPenalty: repetition_penalty ?? 1)
            }
        }

        let logits: [Float]
        let seen: [Int32]
        let cases: [Case]

        init() throws {
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/golden.json")
            self = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
        }
    }

    @Test func filtersAreThoseOfTransformers() throws {
        let golden = try Golden()
        #expect(golden.cases.count >= 20)
        for own in golden.cases {
            let scores = Sampler(own.sampling).scores(golden.logits, seen: Set(golden.seen))
            let kept = scores.indices.filter { scores[$0].isFinite }, expected = scores.indices.filter { own.scores[$0] != nil }
            #expect(kept == expected, "\(own.sampling)")
            for i in kept { #expect(abs(scores[i] - (own.scores[i] ?? .nan)) <= 1e-6 * max(1, abs(scores[i])), "\(own.sampling)") }
        }
    }

    private static let logits: [Float] = [0.3, -1, 2.2, 1.1, 2.2, -.infinity, 0]

    @Test func withoutTemperatureTheLikeliestIsTaken() {
        let greedy = Sampler(Sampling(temperature: 0, topK: 3, topP: 0.1, seed: 5))
        for position in 0..<20 {
            #expect(greedy.next(Self.logits, seen: [], sample: 0, position: position) == 2, "the first of equals")
        }
        let penalised = Sampler(Sampling(temperature: 0, repetitionPenalty: 1.5))
        #expect(penalised.next(Self.logits, seen: [2], sample: 0, position: 9) == 4)
    }

    @Test func drawsFollowSeedSampleAndPosition() {
        func draws(seed: UInt64, sample: UInt64) -> [Int32?] {
            let sampler = Sampler(Sampling(seed: seed))
            return (0..<60).map { sampler.next(Self.logits, seen: [], sample: sample, position: $0) }
        }
        let first = draws(seed: 1, sample: 0)
        #expect(first == draws(seed: 1, sample: 0) && Set(first).count >= 4)
        #expect(first != draws(seed: 2, sample: 0) && first != draws(seed: 1, sample: 1))
    }

    /// Shares of 20,000 draws, whose standard deviation is at most 0.0036.
    @Test func drawsHaveTheirProbabilities() {
        let sampler = Sampler(Sampling(temperature: 0.7, seed: 3)), count = 20_000
        var counts = Array(repeating: 0, count: Self.logits.count)
        for position in 0..<count {
            counts[Int(sampler.next(Self.logits, seen: [], sample: 0, position: position) ?? 0)] += 1
        }
        let weights = Self.logits.map { exp(Double($0) / 0.7) }, total = weights.reduce(0, +)
        for (count, weight) in zip(counts, weights) { #expect(abs(Double(count) / 20_000 - weight / total) < 0.015) }
        #expect(counts[5] == 0)
    }

    @Test func whatIsNoNumberIsNotDrawnFrom() {
        let sampler = Sampler(Sampling())
        for logits: [Float] in [[1, .nan, 2], [.infinity, 1], [-.infinity, -.infinity]] {
            #expect(sampler.next(logits, seen: [], sample: 0, position: 0) == nil)
        }
    }

    /// Of a vocabulary in which nearly all tokens are unlikely, those left out beforehand change nothing.
    @Test func topPOfALargeVocabulary() {
        let logits = (0..<5_000).map { i -> Float in i % 500 == 7 ? 9 - Float(i) / 1_000 : Float(i % 13) / 10 }
        for p in [0.1, 0.5, 0.9, 0.99, 0.999] {
            let kept = Sampler(Sampling(topP: p)).scores(logits, seen: []).map(\.isFinite)
            let weights = logits.map { exp(Double($0)) }, total = weights.reduce(0, +)
            var before = 0.0
            for token in weights.indices.sorted(by: { (weights[$0], $0) > (weights[$1], $1) }) {
                if abs(before - p * total) > 1e-9 * total { #expect(kept[token] == (before < p * total)) }
                before += weights[token]
            }
        }
    }
}
