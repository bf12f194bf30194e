import Corpus
import Foundation
import Kernels
import Testing

/// Vocabularies above 65,536 entries: their shards are of version 2.
struct LargeVocabularyTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.file("large.bin") }

    init() throws { directory = try TemporaryDirectory() }

    /// 256 bytes, `<|endoftext|>`, and then tokens that nothing makes but one: `th`, which has the last id.
    private func tokenizer(_ size: Int) throws -> ByteLevelBPE {
        let small = try smallTokenizer(vocabularySize: 257)
        var encoder = String(decoding: small.files.contents[0], as: UTF8.self).dropLast()
        for id in 257..<size - 1 { encoder += ", \"x\(id)\": \(id)" }
        encoder += ", \"th\": \(size - 1)}"
        return try ByteLevelBPE(TokenizerFiles(.gpt2, [Array(encoder.utf8), Array("#version: 0.2\nt h\n".utf8)]))
    }

    @Test(arguments: [65_537, 1 << 20]) func tokensOfFourBytes(size: Int) throws {
        let tokenizer = try tokenizer(size)
        let expected = [Int32(size - 1), tokenizer.encode("e")[0], tokenizer.endOfText]
        let shard = try Shard.build(path, text: plainText("the"), tokenizer: tokenizer)
        let bytes = try readBytes(path)
        #expect(bytes.count == 1024 + 4 * 3)
        #expect(Array(bytes[0..<12]) == [0x88, 0xD8, 0x34, 0x01, 2, 0, 0, 0, 3, 0, 0, 0])
        var stored: [UInt8] = []
        for id in expected { withUnsafeBytes(of: id.littleEndian) { stored += $0 } }
        #expect(Array(bytes[1024...]) == stored)
        let tokens = Buffer<Int32>(count: 3, repeating: -7)
        shard.read(0..<3, into: tokens)
        #expect(tokens.array == expected)
        let inputs = Buffer<Int32>(count: 2, repeating: -7), targets = Buffer<Int32>(count: 2, repeating: -7)
        shard.readWindow(0..<3, inputs: inputs, targets: targets)
        #expect(inputs.array == Array(expected[0..<2]) && targets.array == Array(expected[1...]))
        #expect(shard.sidecar.tokenBytes == 4)
        #expect(String(decoding: try readBytes(path + ".json"), as: UTF8.self).contains("\"token_bytes\" : 4"))
        #expect(try tokenizer.decode(expected) == Array("the<|endoftext|>".utf8))
    }

    @Test func tokensOfTwoBytesAsBefore() throws {
        let tokenizer = try tokenizer(65_536)
        let shard = try Shard.build(path, text: plainText("th"), tokenizer: tokenizer)
        let bytes = try readBytes(path)
        #expect(Array(bytes[4..<8]) == [1, 0, 0, 0])
        #expect(Array(bytes[1024...]) == [0xFF, 0xFF, 0x00, 0x01])
        #expect(shard.sidecar.tokenBytes == 2)
        #expect(!String(decoding: try readBytes(path + ".json"), as: UTF8.self).contains("token_bytes"))
    }

    @Test func aSidecarOfAnotherWidthIsRefused() throws {
        let tokenizer = try tokenizer(65_537), text = try plainText("the")
        _ = try Shard.build(path, text: text, tokenizer: tokenizer)
        let sidecar = String(decoding: try readBytes(path + ".json"), as: UTF8.self)
        try directory.write(sidecar.replacing("\"token_bytes\" : 4,", with: ""), to: "large.bin.json")
        #expect(throws: CorpusError.refusedShard(path: path, reason: "tokens of 4 bytes where its sidecar names 2")) {
            try Shard(path: path, tokenizerHash: tokenizer.hash, sourceHash: text.hash)
        }
        try directory.write(sidecar, to: "large.bin.json")
        var bytes = try readBytes(path)
        bytes.replaceSubrange(1024..<1028, with: [0, 0, 0, 0xFF])
        try directory.write(bytes, to: "large.bin")
        #expect(
            throws: CorpusError.refusedShard(
                path: path, reason: "token \(0xFF00_0000) is outside its vocabulary of 65537")
        ) { try Shard(path: path, tokenizerHash: tokenizer.hash, sourceHash: text.hash) }
    }
}
