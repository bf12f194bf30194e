import Corpus
import Crypto
import Foundation
import Testing

/// Files that are shared by developers and not committed.
enum SharedData {
    static let directory =
        ProcessInfo.processInfo.environment["DRRL_DATA"] ?? packageRoot + "/../shared/data"

    static func path(_ name: String) -> String { "\(directory)/\(name)" }

    static var hasGPT2: Bool {
        ["gpt2/encoder.json", "gpt2/vocab.bpe"].allSatisfy { exists($0) }
    }

    static var hasWikiText: Bool {
        ["valid", "test"].allSatisfy { exists("wikitext-2/wiki.\($0).tokens") }
    }

    private static func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path(name))
    }
}

/// …/Tests/CorpusTests/Support.swift, three steps up.
let packageRoot = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// A directory that goes with its owner.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try write(Array(text.utf8), to: name)
    }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

func readBytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// SHA-256 of ids as little-endian uint16, as golden.py takes it.
func digest(_ ids: [Int32]) -> String {
    let bytes = ids.flatMap(littleEndian)
    return SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
}

/// A token's two bytes in a shard of version 1.
func littleEndian(_ id: Int32) -> [UInt8] { [UInt8(id & 0xFF), UInt8(id >> 8)] }

/// Random numbers that are the same in every run: an LCG with Knuth's constants, its high bits.
struct RepeatedRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        var result: UInt64 = 0
        for _ in 0..<2 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            result = result << 32 | state >> 32
        }
        return result
    }
}

/// A text in memory.
func plainText(_ text: String) throws -> Text {
    try Text(bytes: Array(text.utf8), name: "test text", kind: .plain)
}

/// A tokenizer of few merges, quickly trained.
func smallTokenizer(vocabularySize: Int = 300) throws -> ByteLevelBPE {
    let text = try Text(
        bytes: EmbeddedCorpus(seed: 5, byteCount: 20_000).bytes(), name: "generated",
        kind: .wikiTextTokens)
    return try BPETrainer.train(on: text, vocabularySize: vocabularySize)
}
