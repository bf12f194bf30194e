import Corpus
import Foundation
import Runs
import TestSupport
import Toolbox
import Worker

/// A small model that `drrl-train` trained on a generated text, and its held-out text: 2 layers, 2 heads of width 32,
/// context 64, segments of 16 tokens.
final class TrainedModel: Sendable {
    let scratch: Scratch
    let checkpoint: String
    let text: String
    /// Of the same kind; what it learnt from.
    let trainingText: String
    /// The step's line, with the trainer's own evaluation.
    let metrics: MetricsLine

    /// A checkpoint's name.
    static let file = "checkpoint-00000400.h5"
    /// So many that it has begun to learn from what lies further back than the last token.
    static let steps = 400

    private static let fullRun = Task { try await TrainedModel(["--attention", "full"]) }
    private static let randomRun = Task {
        try await TrainedModel(["--attention", "random", "--levels", "1:2,2:4,4:8", "--dropout", "0.1"])
    }
    private static let policyRun = Task {
        try await TrainedModel(["--attention", "policy", "--levels", "1:2,2:4,4:8"])
    }
    private static let performerRun = Task { try await TrainedModel(["--attention", "performer", "--features", "24"]) }

    /// Trained with full attention; once for all tests.
    static func full() async throws -> TrainedModel { try await fullRun.value }
    /// Trained with random low levels and dropout; once for all tests.
    static func random() async throws -> TrainedModel { try await randomRun.value }
    /// Trained with a policy over the same levels; once for all tests.
    static func policy() async throws -> TrainedModel { try await policyRun.value }
    /// Trained with 24 random features; once for all tests.
    static func performer() async throws -> TrainedModel { try await performerRun.value }

    private init(_ options: [String]) async throws {
        scratch = try Scratch()
        let directory = RunDirectory(scratch.path + "/run")
        trainingText = scratch.path + "/train.tokens"
        text = scratch.path + "/valid.tokens"
        try EmbeddedCorpus(seed: 7, byteCount: 16_000).write(to: trainingText)
        try EmbeddedCorpus(seed: 9, byteCount: 4_000).write(to: text)
        let arguments = [
            "--layers", "2", "--width", "64", "--heads", "2", "--context", "64", "--vocab-size", "512", "--segment", "16",
            "--batch", "8", "--threads", "1", "--steps", "\(Self.steps)", "--lr", "0.01", "--train", trainingText,
            "--valid", text, "--run-dir", directory.path, "--eval-every", "0", "--checkpoint-every", "0",
        ]
        let outcome = try await run(
            BuiltProduct.url(named: "drrl-train"), arguments + options, environment: MPIRun.environment, timeout: 120)
        let lines = try String(contentsOfFile: directory.metrics, encoding: .utf8).split(separator: "\n")
        guard outcome.succeeded, let last = lines.last else { throw SupportError("\(outcome)") }
        metrics = try JSONDecoder().decode(MetricsLine.self, from: Data(last.utf8))
        checkpoint = directory.path + "/" + Self.file
    }

    /// `drrl evaluate` on the held-out text, or what `options` name instead; alone, or on `ranks` ranks under mpirun.
    func evaluate(_ options: [String], ranks: Int? = nil) async throws -> Outcome {
        let given = options.contains("--text") ? [] : ["--text", text]
        return try await drrl(["evaluate", "--checkpoint", checkpoint, "--threads", "1"] + given + options, ranks: ranks)
    }

    /// Its JSON object.
    func result(_ options: [String], ranks: Int? = nil) async throws -> EvaluationResult {
        let outcome = try await evaluate(options + ["--json"], ranks: ranks)
        guard outcome.succeeded, outcome.errors.isEmpty else { throw SupportError("\(outcome)") }
        let data = Data(outcome.output.utf8)
        return EvaluationResult(
            evaluation: try JSONDecoder().decode(TextEvaluation.self, from: data),
            settings: try JSONDecoder().decode(EvaluationResult.Settings.self, from: data))
    }

    /// `drrl compare` as `evaluate` runs it, and its JSON object.
    func compare(_ options: [String], ranks: Int? = nil) async throws -> Outcome {
        try await drrl(
            ["compare", "--checkpoint", checkpoint, "--text", text, "--threads", "1", "--segment", "16"] + options,
            ranks: ranks)
    }

    func comparison(_ options: [String], ranks: Int? = nil) async throws -> Comparison {
        let outcome = try await compare(options + ["--json"], ranks: ranks)
        guard outcome.succeeded, outcome.errors.isEmpty else { throw SupportError("\(outcome)") }
        return try JSONDecoder().decode(Comparison.self, from: Data(outcome.output.utf8))
    }

    /// Its per-token lines, the header first.
    func tokenLines(_ options: [String], ranks: Int? = nil) async throws -> [String] {
        let path = scratch.path + "/\(UUID().uuidString).csv"
        _ = try await result(options + ["--per-token", path], ranks: ranks)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard text.hasSuffix("\n") else { throw SupportError("half a line ends \(path)") }
        return text.split(separator: "\n").map(String.init)
    }
}

/// What `drrl evaluate --json` printed.
@dynamicMemberLookup
struct EvaluationResult: Equatable {
    /// Of ways of attending that have them.
    struct Settings: Codable, Equatable {
        let energy: Double?
        let features, landmarks: Int?
    }

    let evaluation: TextEvaluation
    let settings: Settings

    subscript<Value>(dynamicMember path: KeyPath<TextEvaluation, Value>) -> Value { evaluation[keyPath: path] }
    subscript<Value>(dynamicMember path: KeyPath<Settings, Value>) -> Value { settings[keyPath: path] }
}

/// Runs `drrl`, alone or under mpirun.
func drrl(_ arguments: [String], ranks: Int? = nil, flags: [String] = []) async throws -> Outcome {
    let program = try BuiltProduct.url(named: "drrl")
    guard let ranks else { return try await run(program, arguments, environment: MPIRun.environment, timeout: 60) }
    return try await mpirun(ranks: ranks, program, arguments, flags: flags, timeout: 60)
}

/// |a − b| / |b|.
func relativeDifference(_ a: Double?, _ b: Double?) -> Double {
    guard let a, let b else { return .infinity }
    return abs(a - b) / abs(b)
}
