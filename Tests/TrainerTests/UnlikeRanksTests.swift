import Foundation
import Runs
import TestSupport
import Testing

/// Ranks that were given different options are refused by the option's name.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct UnlikeRanksTests {
    private func outcome(_ first: [String], _ second: [String], _ run: SmallRun) async throws -> Outcome {
        try await bash(
            "exec mpirun --oversubscribe -n 1 \"$T\" \(run.words(first)) : -n 1 \"$T\" \(run.words(second))",
            in: run.scratch.path, timeout: 30)
    }

    @Test(arguments: [
        (["--batch", "4"], ["--batch", "6"], "--batch is 6 on this rank and 4 on rank 0"),
        (["--seed", "4"], ["--seed", "6"], "--seed is 6"), (["--lr", "0.001"], ["--lr", "0.1"], "--lr is 0.1"),
        (["--width", "32"], ["--width", "64"], "--width is 64"),
        (["--attention", "full"], ["--attention", "energy"], "--attention is energy"),
        (["--resume", "auto"], ["--resume", "none"], "--resume is none"),
    ])
    func unlikeOptionsAreNamed(first: [String], second: [String], named: String) async throws {
        let run = try SmallRun()
        let steps = ["--steps", "3"]
        expectRefused(try await outcome(steps + first, steps + second, run), [named, "rank 1", "give all ranks the same"])
        #expect(!FileManager.default.fileExists(atPath: run.directory.path))
    }

    @Test func unlikeFilesAreNamedAndThreadsMayDiffer() async throws {
        let run = try SmallRun()
        let one = try run.scratch.write("steps: 3\n", to: "one.yaml"), two = try run.scratch.write("steps: 5\n", to: "two.yaml")
        expectRefused(try await outcome(["--config", one], ["--config", two], run), ["--steps is 5"])
        let alike = try await outcome(["--config", one, "--threads", "1"], ["--config", one, "--threads", "2"], run)
        #expect(alike.succeeded, "\(alike)")
    }

    @Test func anotherBuildIsRefused() async throws {
        let run = try SmallRun(), program = try BuiltProduct.url(named: "drrl-train").path
        let outcome = try await bash(
            "cp '\(program)' other && printf x >> other && export LD_LIBRARY_PATH='\(BuiltProduct.directory.path)' && "
                + "exec mpirun --oversubscribe -n 1 \"$T\" \(run.words(["--steps", "1"])) : -n 1 ./other \(run.words(["--steps", "1"]))",
            in: run.scratch.path, timeout: 30)
        expectRefused(outcome, ["another build of the program"])
    }
}
