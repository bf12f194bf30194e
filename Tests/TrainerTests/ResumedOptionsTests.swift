import Foundation
import Runs
import TestSupport
import Testing

/// What a run that goes on does otherwise than before is said, a line each.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct ResumedOptionsTests {
    private func notes(_ outcome: Outcome) -> [String] {
        outcome.output.split(separator: "\n").filter { $0.hasPrefix("resume     note: ") }.map { String($0.dropFirst(17)) }
    }

    @Test func nothingIsSaidWhereNothingChanged() async throws {
        let run = try SmallRun()
        #expect(try await run.trainAlone(["--steps", "2", "--schedule-steps", "4"]).succeeded)
        let outcome = try await run.trainAlone(["--steps", "4"])
        #expect(outcome.succeeded && notes(outcome) == [], "\(outcome)")
    }

    @Test func everyChangeIsSaid() async throws {
        let run = try SmallRun(), valid = run.scratch.path + "/valid.txt", other = run.scratch.path + "/other.txt"
        for (path, word) in [(valid, "cat"), (other, "dog")] {
            try String(repeating: "the \(word) sat on the mat\n", count: 100).write(toFile: path, atomically: true, encoding: .utf8)
        }
        #expect(try await run.trainAlone(["--steps", "2", "--valid", valid]).succeeded)
        let outcome = try await run.trainAlone([
            "--steps", "3", "--schedule-steps", "2", "--lr", "0.01", "--batch", "4", "--clip", "5", "--weight-decay", "0",
            "--dropout", "0.5", "--valid", other, "--attention", "fixed", "--level", "2:4", "--precision", "bf16",
        ])
        #expect(outcome.succeeded, "\(outcome)")
        for line in [
            "--dropout 0.1 → 0.5", "--batch 8 → 4", "--lr 0.001 → 0.01", "--min-lr 0.0001 → 0.001", "--weight-decay 0.1 → 0",
            "--clip 1 → 5", "--precision float32 → bf16", "--attention full → fixed", "--level not set → 2:4",
            "--valid \(valid) → \(other)",
        ] { #expect(notes(outcome).contains(line), "\(line): \(outcome)") }
        #expect(!outcome.output.contains("schedule"), "it was kept")
    }

    /// More steps stretch the schedule, unless it is kept.
    @Test func aStretchedScheduleIsSaid() async throws {
        let run = try SmallRun()
        #expect(try await run.trainAlone(["--steps", "4"]).succeeded)
        let kept = try run.copy()
        let stretched = try await run.trainAlone(["--steps", "8"])
        #expect(notes(stretched).first?.contains("made for 8 steps, before for 4: step 5 has rate") == true, "\(stretched)")
        #expect(try #require(run.metrics().last { $0.step == 5 }).lr > 2e-4)
        #expect(try await kept.trainAlone(["--steps", "8", "--schedule-steps", "4"]).succeeded)
        #expect(try kept.metrics().suffix(4).allSatisfy { abs($0.lr - 1e-4) < 1e-9 }, "it stays at --min-lr")
    }

    @Test func partOfAHeldOutTextIsEnough() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(
            ["--steps", "1", "--valid", SmallRun.textPath(), "--eval-tokens", "500"])
        #expect(outcome.succeeded && outcome.output.contains("[first 500 tokens, context"), "\(outcome)")
        let line = try #require(run.metrics().last), whole = try SmallRun()
        #expect(try await whole.trainAlone(["--steps", "1", "--valid", SmallRun.textPath()]).succeeded)
        let all = try #require(whole.metrics().last)
        // Other tokens of one kind of text, judged by the same untrained model.
        for (part, all) in [(line.valid_perplexity, all.valid_perplexity), (line.valid_bits_per_byte, all.valid_bits_per_byte)] {
            let (part, all) = try (#require(part), #require(all))
            #expect(part != all && abs(part / all - 1) < 0.2, "\(part) \(all)")
        }
    }
}
