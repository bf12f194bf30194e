import Checkpoint
import Foundation
import TestSupport
import Testing

private let smollm2 = ProcessInfo.processInfo.environment["DRRL_SMOLLM2"]

/// SmolLM2-135M, a real model, where it is at hand: `launch/smollm2` makes its directory, which DRRL_SMOLLM2 names.
@Suite(.serialized, .enabled(if: smollm2 != nil, "DRRL_SMOLLM2 names no directory of launch/smollm2"))
struct PretrainedModelTests {
    private static let text = """
        The ship left harbour in the spring of 1902 with a crew of forty men and a cargo of coal. She was to sail north along \
        the coast, past the islands, and to reach the mining town of Longyear before the ice came. Her captain, a careful man \
        who had made the voyage eleven times, kept a diary in which he wrote the weather, the course and the mood of his crew. \
        On the third day the barometer fell, and by evening the wind blew from the west with such force that two of the boats \
        were lost.

        """
    /// Of the text's 115 tokens but the first, in nats, by transformers 5.24 in float32.
    private static let negativeLogLikelihood = 359.8554642810703

    private func drrl(_ arguments: [String]) async throws {
        let outcome = try await run(
            BuiltProduct.url(named: "drrl"), arguments, environment: MPIRun.environment, timeout: 120)
        #expect(outcome.succeeded, "\(outcome)")
    }

    @Test func itSaysWhatTransformersSaysAndComesBack() async throws {
        let scratch = try Scratch(), directory = try #require(smollm2)
        let checkpoint = scratch.path + "/c.h5", text = scratch.path + "/t.txt", table = scratch.path + "/t.csv"
        try Self.text.write(toFile: text, atomically: false, encoding: .utf8)
        try await drrl(["import", directory, "--to", checkpoint])
        try await drrl(["evaluate", "--checkpoint", checkpoint, "--text", text, "--context", "128", "--per-token", table])
        let rows = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n").dropFirst()
        // The last is the end of the text.
        let nll = rows.dropLast().reduce(0.0) { $0 + (Double($1.split(separator: ",")[2]) ?? .nan) }
        #expect(rows.count == 115 && abs(nll / Self.negativeLogLikelihood - 1) < 1e-5, "\(nll)")
        try await drrl(["export", "--checkpoint", checkpoint, "--to", scratch.path + "/back"])
        #expect(FileManager.default.contentsEqual(
            atPath: directory + "/tokenizer.json", andPath: scratch.path + "/back/tokenizer.json"))
        let again = scratch.path + "/again.h5"
        try await drrl(["import", scratch.path + "/back", "--to", again])
        let (first, second) = (try verifiedWeights(checkpoint), try verifiedWeights(again))
        #expect(first == second && first.count == 272)
    }
}

/// Shape and checksum of every weight of a checkpoint, after its bytes were compared with them.
private func verifiedWeights(_ path: String) throws -> [String: DatasetDescription] {
    let reader = try CheckpointReader(path: path)
    try reader.verify()
    return Dictionary(
        uniqueKeysWithValues: reader.datasets.filter { $0.name.hasPrefix("/model/") }.map { ($0.name, $0) })
}
