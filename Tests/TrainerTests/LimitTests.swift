import Foundation
import TestSupport
import Testing

/// Limits of the system are met with a line, before work is lost.
@Suite(.serialized) struct LimitTests {
    /// In KiB, and no less, since MPI keeps files of its own.
    @Test func theFileSizeLimitIsNamed() async throws {
        let run = try SmallRun()
        let text = try run.scratch.write(String(repeating: "the cat sat on the mat\n", count: 300_000), to: "long.txt")
        let outcome = try await bash(
            "ulimit -f 6000; exec \"$T\" \(run.words(["--steps", "2", "--train", text, "--vocab-size", "257"]))",
            in: run.scratch.path)
        expectRefused(outcome, ["train.bin", "File too large", "ulimit -f"])
        #expect(try run.files().keys.filter { $0.contains("partial") || $0.contains("next-") }.isEmpty)
    }

    /// Under the least that a run takes nothing hangs, whichever limit.
    @Test(arguments: [400_000, 500_000, 550_000, 600_000])
    func tooLittleAddressSpaceIsOneLine(kibibytes: Int) async throws {
        let run = try SmallRun()
        let outcome = try await bash(
            "ulimit -v \(kibibytes); exec \"$T\" \(run.words(["--steps", "2"]))", in: run.scratch.path, timeout: 30)
        #expect(!outcome.timedOut && outcome.signal == nil, "\(outcome)")
        if outcome.status != 0 { expectRefused(outcome, ["address space", "ulimit -v"]) }
    }

    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount"))
    func aDirectoryThatCanHoldNoCheckpointIsRefusedAtTheStart() async throws {
        let disk = try SmallDisk(bytes: 2 << 20), run = try SmallRun()
        let outcome = try await run.trainAlone(
            ["--run-dir", disk.path + "/run", "--steps", "500", "--width", "128", "--checkpoint-every", "0"])
        expectRefused(outcome, ["no room for a checkpoint", disk.path])
        #expect(!FileManager.default.fileExists(atPath: disk.path + "/run/metrics.jsonl"), "before the first step")
    }

    @Test func moreThreadsThanCoresAreRemarkedOn() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(["--steps", "1", "--threads", "512"])
        #expect(outcome.succeeded && outcome.output.contains("note: 512 threads share"), "\(outcome)")
    }
}
