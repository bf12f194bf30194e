import Corpus
import Foundation
import Kernels
import Testing
import Worker

@Suite struct BatchSourceTests {
    /// 100 windows of 8 tokens.
    private let shard: Shard

    init() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("drrl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        // The shard's mapping outlives its name.
        defer { try? FileManager.default.removeItem(at: directory) }
        let letters = (0..<805).map { UInt8(ascii: "A") + UInt8($0 * $0 % 47) % 26 }
        let text = try Text(bytes: letters, name: "letters", kind: .plain)
        let tokenizer = try BPETrainer.train(on: text, vocabularySize: ByteLevelBPE.smallestVocabulary)
        shard = try Shard.build(directory.appendingPathComponent("letters.bin").path, text: text, tokenizer: tokenizer)
    }

    private func source(seed: UInt64 = 1) throws -> BatchSource {
        try BatchSource(shard: shard, context: 8, seed: seed)
    }

    /// The input tokens of some samples, a row for each.
    private func samples(_ source: BatchSource, _ indices: Range<Int>) -> [[Int32]] {
        let batch = source.microBatch(first: indices.lowerBound, count: indices.count)
        return (0..<indices.count).map { batch.tokens[($0 * 8)..<($0 * 8 + 8)].array }
    }

    @Test func targetsAreTheNextTokens() throws {
        let batch = try source().microBatch(first: 3, count: 5)
        #expect(batch.sequences == 5 && batch.length == 8)
        #expect(batch.samples == [3, 4, 5, 6, 7])
        for row in 0..<5 {
            for i in 0..<7 { #expect(batch.targets[row * 8 + i] == batch.tokens[row * 8 + i + 1]) }
        }
    }

    /// The same samples however they are cut into micro-batches.
    @Test func samplesAreAFunctionOfTheirNumber() throws {
        let whole = samples(try source(), 0..<12)
        let parts = try [0..<1, 1..<2, 2..<7, 7..<12].flatMap { samples(try source(), $0) }
        #expect(whole == parts)
    }

    @Test func everyEpochReadsEachWindowOnceInAnotherOrder() throws {
        let source = try source()
        let windows = source.windows.count
        #expect(windows == 100)
        let expected = (0..<windows).map { window in
            let tokens = Buffer<Int32>(uninitialized: 8)
            shard.read((window * 8)..<(window * 8 + 8), into: tokens)
            return tokens.array
        }
        let epochs = (0..<3).map { samples(source, ($0 * windows)..<(($0 + 1) * windows)) }
        func sorted(_ rows: [[Int32]]) -> [[Int32]] { rows.sorted { $0.lexicographicallyPrecedes($1) } }
        for epoch in epochs { #expect(sorted(epoch) == sorted(expected)) }
        #expect(epochs[0] != epochs[1] && epochs[1] != epochs[2])
        #expect(source.epoch(of: 0) == 0 && source.epoch(of: windows - 1) == 0)
        #expect(source.epoch(of: windows) == 1 && source.epoch(of: 3 * windows) == 3)
    }

    @Test func theSeedDecidesTheOrder() throws {
        #expect(samples(try source(seed: 1), 0..<20) == samples(try source(seed: 1), 0..<20))
        #expect(samples(try source(seed: 1), 0..<20) != samples(try source(seed: 2), 0..<20))
    }

    @Test func aTextShorterThanOneContextIsRefused() throws {
        let error = #expect(throws: CorpusError.self) {
            try BatchSource(shard: shard, context: shard.count, seed: 1)
        }
        #expect(error?.description.contains("shorter than one context") == true)
    }
}
