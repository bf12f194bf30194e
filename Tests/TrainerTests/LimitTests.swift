import Foundation
import TestSupport
import Testing

/// Limits of the system are met with a line, before work is lost.
@Suite(.serialized) struct LimitTests {
    /// In KiB: too little for the tokens, for the metrics, for a checkpoint.
    @Test(arguments: [(4, "train.bin"), (64, "ulimit -f")])
    func theFileSizeLimitIsNamed(kibibytes: Int, named: String) async throws {
        let run = try SmallRun()
        let outcome = try await bash("ulimit -f \(kibibytes); exec \"$T\" \(run.words(["--steps", "2"]))", in: run.scratch.path)
        expectRefused(outcome, [named])
        #expect(try run.files().keys.filter { $0.contains("partial") || $0.contains("next-") }.isEmpty)
    }

    @Test func metricsThatReachTheLimitStopTheRunInWords() async throws {
        let run = try SmallRun()
        // 512 KiB for checkpoints are too little; without one, only metrics grow.
        let outcome = try await bash(
            "\"$T\" \(run.words(["--steps", "3"])) >/dev/null && truncate -s 1M '\(run.directory.metrics)' && ulimit -f 1024 && "
                + "exec \"$T\" \(run.words(["--steps", "1000000", "--checkpoint-every", "0"]))", in: run.scratch.path, timeout: 120)
        #expect(!outcome.timedOut && outcome.signal == nil && outcome.status == 2, "\(outcome)")
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
