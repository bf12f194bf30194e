import Checkpoint
import Corpus
import Foundation
import Runs
import TestSupport
import Testing

/// Replicas × stages.
struct GridShape: Hashable, Sendable, CustomTestStringConvertible {
    let replicas: Int
    let stages: Int

    init(_ replicas: Int, _ stages: Int) {
        self.replicas = replicas
        self.stages = stages
    }

    var ranks: Int { replicas * stages }
    var testDescription: String { "\(replicas)×\(stages)" }
}

/// A run directory for `drrl-train` on a model that takes milliseconds a step; removed with the value.
final class SmallRun: Sendable {
    let scratch: Scratch
    let directory: RunDirectory

    init() throws {
        scratch = try Scratch()
        directory = RunDirectory(scratch.path + "/run")
    }

    /// Another directory with the same files.
    func copy() throws -> SmallRun {
        let copy = try SmallRun()
        try FileManager.default.copyItem(atPath: directory.path, toPath: copy.directory.path)
        return copy
    }

    /// The text that all small runs read: about 100 windows, so that 20 steps of 8 sequences end mid-epoch.
    private static let text: Result<(scratch: Scratch, path: String), any Error> = Result {
        let scratch = try Scratch()
        let path = scratch.path + "/articles.tokens"
        try EmbeddedCorpus(seed: 7, byteCount: 16_000).write(to: path)
        return (scratch, path)
    }

    static func textPath() throws -> String { try text.get().path }

    static let model = ["--layers", "4", "--width", "64", "--heads", "2", "--context", "64"]

    /// The options of every small run; later ones win.
    func arguments(_ options: [String], stages: Int = 1) throws -> [String] {
        // A given tokenizer has its own size, a model to start from its own shape too.
        let isOfAModel = options.contains("--init")
        let vocabulary = options.contains("--tokenizer") || isOfAModel ? [] : ["--vocab-size", "512"]
        return try (isOfAModel ? [] : Self.model) + vocabulary + [
            "--batch", "8", "--threads", "1", "--train", Self.textPath(), "--run-dir", directory.path,
            "--dropout", "0.1", "--layer-shards", "\(stages)", "--eval-every", "0",
        ] + options
    }

    /// Runs it under mpirun, which gets `flags`, to its end.
    @discardableResult
    func train(
        on grid: GridShape, _ options: [String], flags: [String] = [], timeout: TimeInterval = 120,
        while interaction: (@Sendable (RunningCommand) throws -> Void)? = nil
    ) async throws -> Outcome {
        try await mpirun(
            ranks: grid.ranks, BuiltProduct.url(named: "drrl-train"), arguments(options, stages: grid.stages),
            flags: flags, timeout: timeout, while: interaction)
    }

    /// Runs it without mpirun.
    func trainAlone(
        _ options: [String], timeout: TimeInterval = 120,
        while interaction: (@Sendable (RunningCommand) throws -> Void)? = nil
    ) async throws -> Outcome {
        try await run(
            BuiltProduct.url(named: "drrl-train"), arguments(options), environment: MPIRun.environment,
            timeout: timeout, while: interaction)
    }

    /// The lines of `metrics.jsonl`, which must be whole.
    func metrics(sourceLocation: SourceLocation = #_sourceLocation) throws -> [MetricsLine] {
        let text = try String(contentsOfFile: directory.metrics, encoding: .utf8)
        #expect(text.isEmpty || text.hasSuffix("\n"), sourceLocation: sourceLocation)
        return try text.split(separator: "\n").map {
            try JSONDecoder().decode(MetricsLine.self, from: Data($0.utf8))
        }
    }

    /// How many lines have been written so far.
    var metricsCount: Int {
        (FileManager.default.contents(atPath: directory.metrics) ?? Data()).count { $0 == UInt8(ascii: "\n") }
    }

    func checkpoint(_ step: Int) -> String { directory.path + "/" + CheckpointDirectory.fileName(step: step) }

    /// The steps of the finished checkpoints, newest first.
    func checkpointSteps() throws -> [Int] { try CheckpointDirectory(directory.path).checkpoints().map(\.step) }

    /// What killed saves left.
    var partialFiles: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).filter { $0.hasSuffix(".partial") }
    }
}

/// Every dataset of a checkpoint by name, with shape and checksum, after its bytes were compared with them.
func verifiedDatasets(_ path: String) throws -> [String: DatasetDescription] {
    let reader = try CheckpointReader(path: path)
    try reader.verify()
    return Dictionary(uniqueKeysWithValues: reader.datasets.map { ($0.name, $0) })
}

/// The largest relative difference between two runs' losses, which must be of the same steps.
func largestDifference(
    _ a: [MetricsLine], _ b: [MetricsLine], sourceLocation: SourceLocation = #_sourceLocation
) -> Double {
    #expect(a.map(\.step) == b.map(\.step), sourceLocation: sourceLocation)
    return zip(a, b).map { abs($0.loss - $1.loss) / abs($0.loss) }.max() ?? .infinity
}
