import Corpus
import Foundation
import Kernels
import Testing

struct ShardTests {
    let directory: TemporaryDirectory
    let tokenizer: ByteLevelBPE
    let source: String
    let text: Text

    init() throws {
        directory = try TemporaryDirectory()
        tokenizer = try smallTokenizer()
        source = directory.file("wiki.train.tokens")
        try EmbeddedCorpus(seed: 6, byteCount: 20_000).write(to: source)
        text = try Text(contentsOf: source)
    }

    private var path: String { directory.file("train.bin") }

    private func open() throws -> Shard {
        try Shard(path: path, tokenizerHash: tokenizer.hash, sourceHash: text.hash)
    }

    /// The ids that the shard must hold.
    private var expected: [Int32] {
        text.articles.flatMap { tokenizer.encode(Array(text.bytes[$0])) + [tokenizer.endOfText] }
    }

    @Test func theFileIsInLLMCsFormat() throws {
        _ = try Shard.build(path, text: text, tokenizer: tokenizer)
        let bytes = try readBytes(path)
        func int32(_ field: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(bytes[4 * field + $1]) << (8 * $1) }
        }
        #expect(int32(0) == 20_240_520)
        #expect(int32(1) == 1)
        #expect(int32(2) == expected.count)
        #expect((3..<256).allSatisfy { int32($0) == 0 })
        let tokens = bytes.dropFirst(1024)
        #expect(Array(tokens) == expected.flatMap(littleEndian))
        #expect(try directory.names == ["train.bin", "train.bin.json", "wiki.train.tokens"])
    }

    @Test func theSidecarDescribesIt() throws {
        let shard = try Shard.build(path, text: text, tokenizer: tokenizer)
        #expect(shard.sidecar.tokens == expected.count)
        #expect(shard.sidecar.words == text.wordCount)
        #expect(shard.sidecar.bytes == text.byteCount)
        #expect(shard.sidecar.articles == text.articles.count)
        #expect(shard.sidecar.vocabularySize == tokenizer.vocabularySize)
        #expect(shard.sidecar.tokenizerHash == tokenizer.hash)
        #expect(shard.sidecar.sourceHash == text.hash)
        #expect(expected.filter { $0 == tokenizer.endOfText }.count == text.articles.count)
    }

    @Test func tokensAreRead() throws {
        let shard = try Shard.build(path, text: text, tokenizer: tokenizer)
        let all = Buffer<Int32>(count: shard.count, repeating: -7)
        shard.read(0..<shard.count, into: all)
        #expect(all.array == expected)
        let few = Buffer<Int32>(count: 5, repeating: -7)
        shard.read(100..<103, into: few)
        #expect(few.array == Array(expected[100..<103]) + [-7, -7])
    }

    @Test func windowsHaveTheirTargetsOneTokenOn() throws {
        let shard = try Shard.build(path, text: text, tokenizer: tokenizer)
        let context = 64
        let inputs = Buffer<Int32>(count: context, repeating: -7)
        let targets = Buffer<Int32>(count: context, repeating: -7)
        let ids = expected

        let training = try TrainingWindows(tokens: shard.count, context: context)
        for i in [0, training.count - 1] {
            shard.readWindow(training.range(of: i), inputs: inputs, targets: targets)
            #expect(inputs.array == Array(ids[i * context..<(i + 1) * context]))
            #expect(targets.array == Array(ids[i * context + 1..<(i + 1) * context + 1]))
        }

        let evaluation = try EvaluationWindows(tokens: shard.count, context: context)
        var predicted: [Int32] = []
        for i in 0..<evaluation.count {
            let used = evaluation.inputs(of: i).count
            Tokens(shard).readWindow(
                evaluation.inputs(of: i), predicting: evaluation.predicted(by: i), inputs: inputs, targets: targets)
            predicted += targets.array.prefix(used)
            #expect(targets.array.dropFirst(used).allSatisfy { $0 == -1 })
            #expect(inputs.array.dropFirst(used).allSatisfy { $0 == 0 })
        }
        #expect(predicted == Array(ids.dropFirst()))
        #expect(evaluation.inputs(of: evaluation.count - 1).count < context)
    }

    @Test func aValidShardIsUsedAgain() throws {
        let first = try Shard.prepare(path, source: source, tokenizer: tokenizer)
        #expect(first.rebuiltBecause == "\(path): there was none")
        let written = try attributes()
        let second = try Shard.prepare(path, source: source, tokenizer: tokenizer)
        #expect(second.rebuiltBecause == nil)
        #expect(try attributes() == written)
    }

    /// Inode and size: a rewritten shard has another inode, as its file is never written in place.
    private func attributes() throws -> [Int] {
        let values = try FileManager.default.attributesOfItem(atPath: path)
        return [values[.systemFileNumber], values[.size]].map { ($0 as? NSNumber)?.intValue ?? -1 }
    }

    @Test func aStaleShardIsReplacedAndTheReasonGiven() throws {
        let old = try Shard.prepare(path, source: source, tokenizer: tokenizer).shard

        let other = try smallTokenizer(vocabularySize: 320)
        let retokenized = try Shard.prepare(path, source: source, tokenizer: other)
        #expect(try #require(retokenized.rebuiltBecause).contains("made with tokenizer"))
        #expect(retokenized.shard.sidecar.vocabularySize == 320)
        // Who has the old one open still reads it.
        let token = Buffer<Int32>(count: 1, repeating: 0)
        old.read(old.count - 1..<old.count, into: token)
        #expect(token[0] == Int32(tokenizer.endOfText))

        try directory.write("other text altogether", to: "wiki.train.tokens")
        let changed = try Shard.prepare(path, source: source, tokenizer: other)
        #expect(try #require(changed.rebuiltBecause).contains("made from the text"))
        #expect(changed.shard.sidecar.words == 3)
    }

    @Test func foreignShardsAreRefusedByNameAndReason() throws {
        _ = try Shard.build(path, text: text, tokenizer: tokenizer)
        func reason(tokenizerHash: String? = nil, sourceHash: String? = nil) -> String {
            do {
                _ = try Shard(
                    path: path, tokenizerHash: tokenizerHash ?? tokenizer.hash,
                    sourceHash: sourceHash ?? text.hash)
                return "accepted"
            } catch { return "\(error)" }
        }
        #expect(reason() == "accepted")
        #expect(reason(tokenizerHash: "feed").hasPrefix("\(path): shard refused: made with tokenizer "))
        #expect(reason(sourceHash: "feed").hasPrefix("\(path): shard refused: made from the text "))
    }

    @Test func damagedShardsAreRefused() throws {
        _ = try Shard.build(path, text: text, tokenizer: tokenizer)
        let good = try readBytes(path)
        func refused(_ bytes: [UInt8], _ reason: String) throws {
            try directory.write(bytes, to: "train.bin")
            #expect(throws: CorpusError.refusedShard(path: path, reason: reason)) { try open() }
        }
        func patched(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
            var patched = good
            patched.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            return patched
        }
        let tokens = expected.count
        try refused([], "0 bytes, less than its header")
        try refused(Array(good.prefix(1023)), "1023 bytes, less than its header")
        try refused(patched(0, [1, 0, 0, 0]), "magic number 1 where 20240520 was expected")
        try refused(patched(4, [3]), "version 3 where 1 or 2 was expected")
        try refused(
            Array(good.dropLast()), "\(good.count - 1) bytes where \(tokens) tokens take \(good.count)")
        try refused(
            good + [0, 0], "\(good.count + 2) bytes where \(tokens) tokens take \(good.count)")
        try refused(
            patched(8, [0xFF, 0xFF, 0xFF, 0xFF]), "\(good.count) bytes where -1 tokens take 1022")
        try refused(
            patched(good.count - 2, [0x2C, 0x01]), "token 300 is outside its vocabulary of 300")
        try directory.write(good, to: "train.bin")
        #expect(throws: Never.self) { try open() }

        let sidecar = path + ".json"
        try directory.write("{\"tokens\": 1}", to: "train.bin.json")
        #expect(
            throws: CorpusError.refusedShard(
                path: path, reason: "its sidecar \(sidecar) cannot be understood")
        ) { try open() }
        try FileManager.default.removeItem(atPath: sidecar)
        #expect(
            throws: CorpusError.refusedShard(path: path, reason: "its sidecar \(sidecar) is missing")
        ) { try open() }
    }

    @Test func aSidecarOfAnotherCountIsRefused() throws {
        _ = try Shard.build(path, text: text, tokenizer: tokenizer)
        let content = String(decoding: try readBytes(path + ".json"), as: UTF8.self)
        let count = expected.count
        try directory.write(
            content.replacing("\"tokens\" : \(count)", with: "\"tokens\" : 5"), to: "train.bin.json")
        #expect(
            throws: CorpusError.refusedShard(
                path: path, reason: "\(count) tokens where its sidecar names 5")
        ) { try open() }
    }

    @Test func placesThatCannotBeWritten() throws {
        let nowhere = directory.file("none/train.bin")
        #expect(throws: CorpusError.self) {
            try Shard.prepare(nowhere, source: source, tokenizer: tokenizer)
        }
        // A directory in the shard's place: nothing is left behind.
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(throws: CorpusError.self) {
            try Shard.prepare(path, source: source, tokenizer: tokenizer)
        }
        #expect(try directory.names == ["train.bin", "wiki.train.tokens"])
    }
}
