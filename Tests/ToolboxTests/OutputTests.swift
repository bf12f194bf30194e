import Foundation
import TestSupport
import Testing

/// A report that did not arrive is a failure.
@Suite(.serialized) struct OutputTests {
    private func drrl(_ arguments: String) async throws -> Outcome {
        try await run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", "\"$D\" \(arguments)"],
            environment: MPIRun.environment.merging(["D": BuiltProduct.url(named: "drrl").path]) { $1 })
    }

    @Test(arguments: ["> /dev/full", ">&-"], ["evaluate", "compare --strategies full --repeats 1", "--help", "evaluate --help"])
    func aReportThatIsNotWrittenIsAFailure(redirection: String, command: String) async throws {
        let model = try await TrainedModel.full()
        let work = command.contains("help") ? command : "\(command) --checkpoint '\(model.checkpoint)' --text '\(model.text)' --json"
        let outcome = try await drrl("\(work) \(redirection)")
        #expect(outcome.status == 2, "\(outcome)")
        #expect(outcome.errors.hasPrefix("drrl: standard output cannot be written"), "\(outcome)")
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
    }

    /// A file takes its name when it is whole.
    @Test func aTableThatIsNotWholeHasNoName() async throws {
        let model = try await TrainedModel.full(), scratch = try Scratch()
        let outcome = try await drrl(
            "evaluate --checkpoint '\(model.checkpoint)' --text '\(model.text)' --per-token '\(scratch.path)/t.csv'")
        #expect(outcome.succeeded, "\(outcome)")
        #expect(scratch.names == ["t.csv"])
        let full = try await drrl(
            "evaluate --checkpoint '\(model.checkpoint)' --text '\(model.text)' --per-token /dev/full")
        #expect(full.status == 2 && full.errors.contains("--per-token /dev/full"), "\(full)")
    }
}
