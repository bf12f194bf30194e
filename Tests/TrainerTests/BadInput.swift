import Corpus
import Foundation
import TestSupport
import Testing

/// A mistake in what a run is given, and what its one line must name.
struct BadInput: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The options that are wrong, in place of a small run's own.
    let options: @Sendable (Scratch) async throws -> [String]
    /// What the line must hold; `%` stands for the scratch directory.
    let named: [String]

    init(
        _ name: String, naming named: [String], _ options: @escaping @Sendable (Scratch) async throws -> [String]
    ) {
        testDescription = name
        self.named = named
        self.options = options
    }

    init(_ name: String, naming named: [String], _ options: String...) {
        self.init(name, naming: named) { _ in options }
    }

    private static func text(_ name: String, _ content: Data, naming named: [String]) -> BadInput {
        BadInput(name, naming: ["%/bad.txt"] + named) { scratch in
            ["--train", try scratch.write(content, to: "bad.txt")]
        }
    }

    private static func file(_ name: String, _ yaml: String, naming named: [String]) -> BadInput {
        BadInput(name, naming: ["--config %/run.yaml, line 2"] + named) { scratch in
            ["--config", try scratch.write("# small\n" + yaml, to: "run.yaml")]
        }
    }

    /// What is as wrong for one rank as for two.
    static let onAnyGrid = [
        BadInput("missing text", naming: ["/no/such.txt", "No such file"], "--train", "/no/such.txt"),
        BadInput("a directory as text", naming: ["/usr"], "--train", "/usr"),
        text("empty text", Data(), naming: ["no word"]),
        text("a text of spaces", Data(" \n\n ".utf8), naming: ["no word"]),
        text("invalid UTF-8", Data("good line\nbad \u{FF}".utf8.dropLast(2)) + [0xFF, 0x0A], naming: ["not UTF-8", "line 2"]),
        text("too little text for the vocabulary", Data("a few words only".utf8), naming: ["too little text", "512"]),
        BadInput("text shorter than one context", naming: ["shorter than one context", "65536"], "--context", "65536"),
        BadInput("missing held-out text", naming: ["/no/such.txt", "No such file"], "--valid", "/no/such.txt"),
        BadInput("heads that do not divide the width", naming: ["3 heads", "width 64", "1, 2, 4, 8"], "--heads", "3"),
        BadInput("unknown flag", naming: ["--layerz"], "--layerz", "3"),
        BadInput("a flag of the wrong type", naming: ["--steps", "many"], "--steps", "many"),
        BadInput("a stray word", naming: ["stray"], "stray"),
        BadInput("an unknown precision", naming: ["half", "float32", "bf16"], "--precision", "half"),
        BadInput("a value out of range", naming: ["--steps is 0"], "--steps", "0"),
        BadInput("a batch beyond all memory", naming: ["--batch", "1000000000000"], "--batch", "1000000000000"),
        BadInput("missing configuration file", naming: ["--config /no/such.yaml"], "--config", "/no/such.yaml"),
        file("unknown key", "layerz: 3\n", naming: ["unknown key layerz"]),
        file("a key of the wrong type", "steps: many\n", naming: ["steps", "many"]),
        file("a key with a list", "steps: [1]\n", naming: ["steps"]),
        BadInput(
            "layer shards that do not divide the ranks", naming: ["--layer-shards 3", "start 3", "--layer-shards 1"],
            "--layer-shards", "3"),
        BadInput("vocabulary too large for any tokenizer", naming: ["vocabulary", "1048577"], "--vocab-size", "1048577"),
        BadInput("vocabulary too small for bytes", naming: ["vocabulary", "100"], "--vocab-size", "100"),
        BadInput("vocabulary too large for the text", naming: ["too little text", "60000"], "--vocab-size", "60000"),
        BadInput("tokenizer directory without files", naming: ["%", "encoder.json"]) { ["--tokenizer", $0.path] },
        BadInput("a negative seed", naming: ["--seed", "'-1'", "whole number from 0"], "--seed", "-1"),
        BadInput("a text with separators that is not to have any", naming: ["line 2", "--special-text"]) { scratch in
            ["--train", try scratch.write("one\n<|endoftext|>\ntwo\n", to: "stories.txt"), "--special-text", "refuse"]
        },
        BadInput("a checkpoint that is not there", naming: ["--resume AUTO: no such file", "auto, none"], "--resume", "AUTO"),
        BadInput("missing checkpoint", naming: ["/no/such.h5"], "--resume", "/no/such.h5"),
        BadInput("a text as checkpoint", naming: ["articles.tokens", "not a drrl checkpoint"]) { _ in
            ["--resume", try SmallRun.textPath()]
        },
        BadInput("a checkpoint of another shape", naming: ["checkpoint-00000020.h5", "layers 4", "3"]) { _ in
            ["--layers", "3", "--resume", try await ReferenceRuns.shared.run(on: GridShape(1, 1)).checkpoint(20)]
        },
        BadInput("a checkpoint of another seed", naming: ["checkpoint-00000020.h5", "seed 1", "--seed 1"]) { _ in
            ["--seed", "2", "--resume", try await ReferenceRuns.shared.run(on: GridShape(1, 1)).checkpoint(20)]
        },
        BadInput("a checkpoint of another tokenizer", naming: ["checkpoint-00000020.h5", "tokenizer", "--tokenizer"]) { scratch in
            let bytes = EmbeddedCorpus(seed: 8, byteCount: 16_000).bytes()
            let other = try BPETrainer.train(
                on: try Text(bytes: bytes, name: "other", kind: .plain), vocabularySize: 512)
            try other.save(to: scratch.path + "/other")
            return [
                "--tokenizer", scratch.path + "/other",
                "--resume", try await ReferenceRuns.shared.run(on: GridShape(1, 1)).checkpoint(20),
            ]
        },
        BadInput(
            "a model larger than memory", naming: ["GiB", "--micro-batch"], "--width", "16384", "--heads", "256",
            "--layers", "96"),
        BadInput("a run directory below a file", naming: ["--run-dir %/file/run", "Not a directory"]) { scratch in
            ["--run-dir", try scratch.write("", to: "file") + "/run"]
        },
        BadInput("a run directory that cannot be", naming: ["--run-dir /proc/run"], "--run-dir", "/proc/run"),
    ]

    /// What is wrong for two ranks.
    static let onTwoRanks = [
        BadInput("a batch smaller than the replicas", naming: ["--batch 1", "2 replicas"], "--batch", "1"),
        BadInput("more stages than layers", naming: ["--layer-shards 2 for 1 layer:", "use 1"], "--layer-shards", "2", "--layers", "1"),
    ]
}
