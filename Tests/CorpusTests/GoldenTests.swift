import Corpus
import Foundation
import Testing

/// Ids computed by tiktoken and Hugging Face, written by Golden/golden.py.
struct Golden: Decodable {
    struct Case: Decodable {
        var text: String
        var gpt2: [Int32]
        var trained: [Int32]
    }
    struct Trained: Decodable {
        var vocabularySize: Int
        var sha256: String
        var sampleIDs: String
    }
    struct Probe: Decodable {
        var encoder: String
        var merges: String
        var count: Int
        var sha256: String
    }
    struct File: Decodable {
        var count: Int
        var sha256: String
        var articles: Int
        var shardCount: Int
        var shardSHA256: String
        var trained4096: String
        var trained4096IDs: String
    }
    var cases: [Case]
    var trained: Trained
    var probe: Probe
    var files: [String: File]

    static let directory = packageRoot + "/Tests/CorpusTests/Golden"

    static func load() throws -> Golden {
        let content = try Data(contentsOf: URL(fileURLWithPath: directory + "/golden.json"))
        return try JSONDecoder().decode(Golden.self, from: content)
    }
}

struct GoldenTests {
    let golden: Golden

    init() throws { golden = try Golden.load() }

    @Test func theTrainedVocabularyIsHuggingFaces() throws {
        let sample = try Text(contentsOf: Golden.directory + "/sample.txt")
        let tokenizer = try BPETrainer.train(
            on: sample, vocabularySize: golden.trained.vocabularySize)
        #expect(tokenizer.hash == golden.trained.sha256)
        #expect(tokenizer.vocabularySize == golden.trained.vocabularySize)
        #expect(Int(tokenizer.endOfText) == golden.trained.vocabularySize - 1)
        #expect(digest(tokenizer.encode(sample.bytes)) == golden.trained.sampleIDs)
        for item in golden.cases {
            #expect(tokenizer.encode(item.text) == item.trained, "\(item.text.debugDescription)")
        }
    }

    /// The probe's ids show the class of every character in planes 0 to 3 and the tags.
    @Test func everyCharacterHasTheClassThatTiktokenSees() throws {
        let probe = golden.probe
        let tokenizer = try ByteLevelBPE(
            TokenizerFiles(.gpt2, [Array(probe.encoder.utf8), Array(probe.merges.utf8)]))
        var text: [UInt8] = []
        for value in Array(UInt32(0)..<0x33400) + Array(0xE0000..<0xE0200) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let character = Array(String(scalar).utf8)
            for start in ["a", "1", "!", "\t"] {
                text += Array(start.utf8) + character + [UInt8(ascii: "\n")]
            }
        }
        let ids = tokenizer.encode(text)
        #expect(ids.count == probe.count)
        #expect(digest(ids) == probe.sha256)
        #expect(try tokenizer.decode(ids) == text)
    }

    @Test(.enabled(if: SharedData.hasGPT2, "needs gpt2/ in ../shared/data or DRRL_DATA"))
    func gpt2EdgeCases() throws {
        let tokenizer = try ByteLevelBPE(directory: SharedData.path("gpt2"))
        #expect(tokenizer.vocabularySize == 50_257)
        #expect(tokenizer.endOfText == 50_256)
        for item in golden.cases {
            let ids = tokenizer.encode(item.text)
            #expect(ids == item.gpt2, "\(item.text.debugDescription)")
            #expect(try tokenizer.decode(ids) == Array(item.text.utf8))
        }
    }

    @Test(
        .enabled(
            if: SharedData.hasGPT2 && SharedData.hasWikiText,
            "needs gpt2/ and wikitext-2/ in ../shared/data or DRRL_DATA"),
        arguments: ["wiki.valid.tokens", "wiki.test.tokens"])
    func gpt2OnWikiText(name: String) throws {
        let expected = try #require(golden.files[name])
        let tokenizer = try ByteLevelBPE(directory: SharedData.path("gpt2"))
        let text = try Text(contentsOf: SharedData.path("wikitext-2/\(name)"))
        let ids = tokenizer.encode(text.bytes)
        #expect(ids.count == expected.count)
        #expect(digest(ids) == expected.sha256)
        #expect(try tokenizer.decode(ids) == text.bytes)

        let directory = try TemporaryDirectory()
        let shard = try Shard.build(
            directory.file("text.bin"), text: text, tokenizer: tokenizer)
        #expect(shard.sidecar.articles == expected.articles)
        #expect(shard.count == expected.shardCount)
        let stored = try readBytes(shard.path).dropFirst(1024)
        let pairs = stride(from: stored.startIndex, to: stored.endIndex, by: 2)
        #expect(
            digest(pairs.map { Int32(stored[$0]) | Int32(stored[$0 + 1]) << 8 })
                == expected.shardSHA256)
    }

    @Test(
        .enabled(
            if: SharedData.hasWikiText, "needs wikitext-2/ in ../shared/data or DRRL_DATA"),
        arguments: ["wiki.valid.tokens", "wiki.test.tokens"])
    func trainingOnWikiTextIsHuggingFaces(name: String) throws {
        let expected = try #require(golden.files[name])
        let text = try Text(contentsOf: SharedData.path("wikitext-2/\(name)"))
        let tokenizer = try BPETrainer.train(on: text, vocabularySize: 4096)
        #expect(tokenizer.hash == expected.trained4096)
        #expect(digest(tokenizer.encode(text.bytes)) == expected.trained4096IDs)
    }
}
