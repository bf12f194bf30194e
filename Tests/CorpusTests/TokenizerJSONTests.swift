import Corpus
import Foundation
import TestSupport
import Testing

/// Tokenizers of each kind that Hugging Face's library trained, and its ids, written by Golden/tokenizer_json.py.
struct TokenizerJSONTests {
    private struct Expected: Decodable {
        var texts: [String]
        var ids: [String: [[Int32]]]
        var ends: [String: Int32]
    }

    private static let folder = Golden.directory + "/tokenizer-json"
    private static let script = Golden.directory + "/tokenizer_json.py"
    static let kinds = ["gpt2", "smollm2", "llama3", "qwen2"]

    static func content(_ kind: String) throws -> [UInt8] { try readBytes("\(folder)/\(kind).json") }

    private static func tokenizer(_ kind: String) throws -> ByteLevelBPE {
        try ByteLevelBPE(TokenizerFiles(.tokenizerJSON, [content(kind)]))
    }

    @Test(arguments: kinds) func idsAreHuggingFaces(kind: String) throws {
        let expected = try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: URL(fileURLWithPath: Self.folder + "/ids.json")))
        let tokenizer = try Self.tokenizer(kind), ids = try #require(expected.ids[kind])
        #expect(ids.count == expected.texts.count)
        // Twice: the second time words come from the cache.
        for (text, ids) in zip(expected.texts, ids) {
            let found = [tokenizer.encode(text), tokenizer.encode(text)]
            #expect(found == [ids, ids], "\(text.debugDescription)")
        }
        #expect(tokenizer.endOfText == expected.ends[kind])
    }

    /// Where nothing is normalised and every byte has a token.
    @Test(arguments: ["gpt2", "llama3"]) func anyBytesComeBack(kind: String) throws {
        let tokenizer = try Self.tokenizer(kind)
        var random = RepeatedRandom(seed: 4)
        for length in [0, 1, 2, 3, 96, 97, 20_000] {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            #expect(try tokenizer.decode(tokenizer.encode(bytes)) == bytes)
        }
    }

    @Test func theTokensThatStartAndEndATextAreFound() throws {
        let names = try Self.kinds.map { (kind: String) -> String in
            let tokenizer = try Self.tokenizer(kind)
            #expect(try tokenizer.decode([tokenizer.endOfText]) == Array(tokenizer.endOfTextName.utf8))
            return tokenizer.endOfTextName + " " + (tokenizer.startOfTextName ?? "none")
        }
        let expected = ["<|endoftext|> none", "<|endoftext|> none", "<|end_of_text|> <|begin_of_text|>", "<|endoftext|> none"]
        #expect(names == expected)
    }

    @Test func aByteWithoutATokenIsLeftOut() throws {
        let tokenizer = try Self.tokenizer("smollm2")
        #expect(try tokenizer.decode(tokenizer.encode("th\u{4}e\u{6}")) == Array("the".utf8))
    }

    /// What is not UTF-8 stays as it is, and nothing composes across it.
    @Test func invalidBytesAreNotNormalized() throws {
        let tokenizer = try Self.tokenizer("qwen2")
        let text = Array("e\u{301}".utf8) + [0xFF] + Array("\u{301}e".utf8) + [0xE3, 0x81]
        #expect(try tokenizer.decode(tokenizer.encode(text)) == [0xC3, 0xA9, 0xFF, 0xCC, 0x81, 0x65, 0xE3, 0x81])
    }

    @Test func theFileIsKeptByteForByte() throws {
        let directory = try TemporaryDirectory(), content = try Self.content("llama3")
        try directory.write(content, to: "tokenizer.json")
        let tokenizer = try ByteLevelBPE(directory: directory.path)
        let other = try TemporaryDirectory()
        try smallTokenizer().save(to: other.path)
        try tokenizer.save(to: other.path)
        #expect(try other.names == ["tokenizer.json"])
        #expect(try readBytes(other.file("tokenizer.json")) == content)
        #expect(try ByteLevelBPE(directory: other.path).hash == tokenizer.hash)
    }

    @Test func itIsPreferredWhereItCanBeRead() throws {
        let directory = try TemporaryDirectory(), pair = try smallTokenizer(), content = try Self.content("gpt2")
        try directory.write(pair.files.contents[0], to: "vocab.json")
        try directory.write(pair.files.contents[1], to: "merges.txt")
        try directory.write(content, to: "tokenizer.json")
        #expect(try ByteLevelBPE(directory: directory.path).files.format == .tokenizerJSON)
        let other = String(decoding: content, as: UTF8.self).replacing("\"use_regex\": true", with: "\"use_regex\": false")
        try directory.write(other, to: "tokenizer.json")
        #expect(try ByteLevelBPE(directory: directory.path).hash == pair.hash)
        try directory.write("{", to: "tokenizer.json")
        #expect(throws: CorpusError.self) { try ByteLevelBPE(directory: directory.path) }
        try directory.write(pair.files.contents[0], to: "encoder.json")
        try directory.write(pair.files.contents[1], to: "vocab.bpe")
        #expect(try ByteLevelBPE(directory: directory.path).files.format == .gpt2)
    }

    /// 10,000 random strings of assigned characters; and WikiText where it is.
    @Test(.enabled(if: Python.withTokenizers != nil, "needs Python with tokenizers"), arguments: kinds)
    func manyTextsGiveHuggingFacesIds(kind: String) async throws {
        try await compare("\(Self.folder)/\(kind).json", with: Self.tokenizer(kind))
    }

    /// A tokenizer.json of one's own, named by DRRL_TOKENIZER_JSON.
    @Test(
        .enabled(
            if: Python.withTokenizers != nil && ProcessInfo.processInfo.environment["DRRL_TOKENIZER_JSON"] != nil,
            "needs Python with tokenizers, and DRRL_TOKENIZER_JSON"))
    func aGivenTokenizerGivesHuggingFacesIds() async throws {
        let path = ProcessInfo.processInfo.environment["DRRL_TOKENIZER_JSON"] ?? ""
        try await compare(path, with: ByteLevelBPE(TokenizerFiles(.tokenizerJSON, [readBytes(path)])))
    }

    private func compare(_ path: String, with tokenizer: ByteLevelBPE) async throws {
        var random = RandomTexts(seed: 11)
        var texts = random.strings(10_000)
        if SharedData.hasWikiText {
            for part in ["valid", "test"] {
                texts.append(try String(contentsOfFile: SharedData.path("wikitext-2/wiki.\(part).tokens"), encoding: .utf8))
            }
        }
        let directory = try TemporaryDirectory()
        let input = try directory.write(Array(try JSONEncoder().encode(texts)), to: "texts.json")
        let command = "\"$0\" \"$1\" encode \"$2\" < \"$3\" > \"$4\""
        let output = directory.file("ids.json")
        let outcome = try await run(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", command, try #require(Python.withTokenizers).path, Self.script, path, input, output], timeout: 300)
        #expect(outcome.succeeded, "\(outcome)")
        let expected = try JSONDecoder().decode([[Int32]].self, from: Data(contentsOf: URL(fileURLWithPath: output)))
        #expect(expected.count == texts.count)
        let different = zip(texts, expected).filter { tokenizer.encode($0) != $1 }
        #expect(different.isEmpty, "\(different.count), the first: \(different.first?.0.prefix(200).debugDescription ?? "")")
    }
}

/// Strings of what tokenizers tell apart: letters, marks, digits, signs and spaces of all scripts, near each other.
private struct RandomTexts {
    private var random: RepeatedRandom
    private let common = Array(" \n\r\t'sStTrReEvVlLmMdD019.,=<|>-\u{A0}\u{300}\u{301}\u{327}éß東한½٣".unicodeScalars)

    init(seed: UInt64) { random = RepeatedRandom(seed: seed) }

    mutating func strings(_ count: Int) -> [String] {
        (0..<count).map { _ in
            var text = String.UnicodeScalarView()
            for _ in 0..<below(32) { text.append(below(3) == 0 ? anyScalar() : common[below(common.count)]) }
            return String(text)
        }
    }

    /// Assigned: of others, libraries of different years may think differently.
    private mutating func anyScalar() -> Unicode.Scalar {
        while true {
            // Half of them from the first two planes, where most are.
            let value = UInt32(below(below(2) == 0 ? 0x20000 : 0x110000))
            if let scalar = Unicode.Scalar(value), scalar.properties.generalCategory != .unassigned { return scalar }
        }
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
}
