// Prints how fast text is encoded and a vocabulary trained, on one core.
//
//     swift run -c release tokenizer-benchmark TEXT [TOKENIZER-DIRECTORY]
import Corpus
import Foundation

/// Runs `body`, prints its time, and its rate where it handles `bytes`.
func timed<Result>(_ what: String, bytes: Int? = nil, _ body: () throws -> Result) rethrows -> Result {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try body()
    let seconds = (clock.now - start) / .seconds(1)
    let rate = bytes.map { ", \(tenths(Double($0) / seconds / 1e6)) MB/s" } ?? ""
    print("\(what): \(tenths(seconds * 1e3)) ms\(rate)")
    return result
}

func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }

/// Measures reading, loading, training and encoding.
func measure(_ textPath: String, tokenizerDirectory: String?) throws {
    let text = try timed("read, check and cut the text") { try Text(contentsOf: textPath) }
    print("\(text.byteCount) bytes, \(text.wordCount) words, \(text.articles.count) articles")

    var tokenizers: [(name: String, tokenizer: ByteLevelBPE)] = []
    if let directory = tokenizerDirectory {
        let loaded = try timed("load \(directory)") { try ByteLevelBPE(directory: directory) }
        tokenizers.append((directory, loaded))
    }
    let trained = try timed("train 4,096 entries") {
        try BPETrainer.train(on: text, vocabularySize: 4096)
    }
    tokenizers.append(("own 4,096", trained))

    for (name, tokenizer) in tokenizers {
        for pass in ["empty cache", "warm cache"] {
            let ids = timed("encode with \(name), \(pass)", bytes: text.byteCount) {
                tokenizer.encode(text.bytes)
            }
            if pass == "warm cache" { print("\(ids.count) tokens") }
        }
    }
}

let arguments = CommandLine.arguments.dropFirst()
guard (1...2).contains(arguments.count), let textPath = arguments.first else {
    print("usage: tokenizer-benchmark TEXT [TOKENIZER-DIRECTORY]")
    exit(2)
}
do {
    try measure(textPath, tokenizerDirectory: arguments.dropFirst().first)
} catch {
    print(error)
    exit(2)
}
