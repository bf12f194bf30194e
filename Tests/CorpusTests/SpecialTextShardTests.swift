import Corpus
import Options
import Testing

/// What shards remember about `<|endoftext|>` in their text.
struct SpecialTextShardTests {
    let directory: TemporaryDirectory
    let tokenizer: ByteLevelBPE

    init() throws {
        directory = try TemporaryDirectory()
        tokenizer = try smallTokenizer()
    }

    private var path: String { directory.file("train.bin") }

    private func prepare(_ source: String, _ specialText: SpecialText) throws -> PreparedShard {
        try Shard.prepare(path, source: source, tokenizer: tokenizer, specialText: specialText)
    }

    /// Takes from the sidecar what those of earlier versions lacked.
    private func makeSidecarOld() throws {
        let content = String(decoding: try readBytes(path + ".json"), as: UTF8.self)
        let lines = content.split(separator: "\n").filter {
            !$0.contains("\"separators\"") && !$0.contains("\"special_text\"")
        }
        #expect(lines.count == content.split(separator: "\n").count - 2)
        try directory.write(lines.joined(separator: "\n"), to: "train.bin.json")
    }

    @Test func everyDocumentEndsOnce() throws {
        let source = try directory.write("A b.\n<|endoftext|>\n\n<|endoftext|>\nC d e.\n<|endoftext|>\n", to: "t.txt")
        let shard = try Shard.prepare(path, source: source, tokenizer: tokenizer).shard
        let end = [tokenizer.endOfText]
        let tokens = tokenizer.encode("A b.\n") + end + tokenizer.encode("C d e.\n") + end
        let stored = try readBytes(path).dropFirst(1024)
        #expect(Array(stored) == tokens.flatMap(littleEndian))
        let sidecar = shard.sidecar
        #expect((sidecar.tokens, sidecar.articles, sidecar.separators) == (tokens.count, 2, 3))
        #expect((sidecar.words, sidecar.bytes, sidecar.specialText) == (5, 12, .split))
    }

    @Test func manySmallDocumentsAreAllWritten() throws {
        let count = 40_000
        let content = String(repeating: "Once, upon a time!\n<|endoftext|>\n", count: count)
        let text = try Text(bytes: Array(content.utf8), name: "t", kind: .plain)
        let shard = try Shard.build(path, text: text, tokenizer: tokenizer)
        let document = tokenizer.encode("Once, upon a time!\n") + [tokenizer.endOfText]
        #expect(shard.count == count * document.count)
        let bytes = document.flatMap(littleEndian)
        #expect(Array(try readBytes(path).dropFirst(1024)) == (0..<count).flatMap { _ in bytes })
    }

    @Test func aShardMadeInAnotherWayIsReplaced() throws {
        let source = try directory.write("a\n<|endoftext|>\nb\n", to: "t.txt")
        #expect(try prepare(source, .split).rebuiltBecause == "\(path): there was none")
        #expect(try prepare(source, .split).rebuiltBecause == nil)
        let encoded = try prepare(source, .encode)
        #expect(encoded.rebuiltBecause == "\(path): shard refused: made with \(option: "special-text") split, not encode")
        #expect(encoded.shard.sidecar.articles == 1)
        #expect(try prepare(source, .encode).rebuiltBecause == nil)
        #expect(throws: CorpusError.specialText(path: source, line: 2)) { try prepare(source, .refuse) }
        #expect(try prepare(source, .encode).rebuiltBecause == nil)
    }

    @Test func aTextWithoutItIsTheSameInEveryWay() throws {
        let source = try directory.write("a\nb\n", to: "t.txt")
        _ = try prepare(source, .split)
        for specialText in SpecialText.allCases {
            #expect(try prepare(source, specialText).rebuiltBecause == nil)
        }
    }

    @Test func shardsOfEarlierVersions() throws {
        let plain = try directory.write("a\nb\n", to: "plain.txt")
        _ = try prepare(plain, .encode)
        try makeSidecarOld()
        for specialText in SpecialText.allCases {
            #expect(try prepare(plain, specialText).rebuiltBecause == nil)
        }

        let marked = try directory.write("a\n<|endoftext|>\nb\n", to: "marked.txt")
        let hash = try prepare(marked, .encode).shard.sidecar.sourceHash
        try makeSidecarOld()
        let old = try Shard(path: path, tokenizerHash: tokenizer.hash, sourceHash: hash)
        #expect((old.sidecar.separators, old.sidecar.specialText) == (0, .encode))
        #expect(try prepare(marked, .encode).rebuiltBecause == nil)
        let split = try prepare(marked, .split)
        #expect(split.rebuiltBecause == "\(path): shard refused: made with \(option: "special-text") encode, not split")
        #expect(split.shard.sidecar.separators == 1)
    }
}
