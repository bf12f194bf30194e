import Checkpoint
import Foundation
import Runs
import TestSupport
import Testing

/// A rank that is killed ends the job at once, and the run goes on from its last good checkpoint.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct KillTests {
    private func expectGoesOn(_ run: SmallRun, on grid: GridShape, _ options: [String]) async throws {
        let newest = try #require(CheckpointDirectory(run.directory.path).newestVerified().checkpoint?.step)
        let outcome = try await run.train(on: grid, ["--checkpoint-every", "0"] + options + ["--steps", "\(newest + 2)"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("step \(newest) from \(run.checkpoint(newest))"), "\(outcome)")
        #expect(try run.metrics().map(\.step) == Array(1...(newest + 2)))
        #expect(try run.checkpointSteps().first == newest + 2)
        #expect(run.partialFiles == [])
    }

    @Test(arguments: [0, 3])
    func killedWhileItTrains(victim: Int) async throws {
        let grid = GridShape(2, 2), run = try SmallRun()
        let ranks = Found<[RankProcess]>([])
        let outcome = try await run.train(on: grid, ["--steps", "1000000", "--checkpoint-every", "5"]) { command in
            try command.wait(for: "third checkpoint") { (try? run.checkpointSteps().first ?? 0 >= 15) == true }
            ranks.value = try RankProcess.all(of: command, count: grid.ranks)
            ranks.value[victim].send(signal: SIGKILL)
        }
        #expect(!outcome.timedOut && outcome.status != 0, "\(outcome)")
        try await expectNoOrphans(ranks.value)
        try await expectGoesOn(run, on: grid, [])
    }

    /// Rank 0 writes and rank 1, the second stage, sends it parameters. Rank 0 is held while its unfinished file is there.
    @Test(arguments: [0, 1])
    func killedWhileItSaves(victim: Int) async throws {
        let grid = GridShape(2, 2), run = try SmallRun()
        // Wide enough for a save to take its time.
        let wider = ["--width", "192"]
        let ranks = Found<[RankProcess]>([])
        let outcome = try await run.train(on: grid, wider + ["--steps", "1000000", "--checkpoint-every", "1"]) { command in
            try command.wait(for: "second checkpoint") { (try? run.checkpointSteps().first ?? 0 >= 2) == true }
            ranks.value = try RankProcess.all(of: command, count: grid.ranks)
            try command.wait(for: "rank 0 within a save") {
                guard !run.partialFiles.isEmpty else { return false }
                ranks.value[0].send(signal: SIGSTOP)
                while ranks.value[0].isRunning && !ranks.value[0].isStopped { usleep(100) }
                if !run.partialFiles.isEmpty { return true }
                ranks.value[0].send(signal: SIGCONT)
                return false
            }
            ranks.value[victim].send(signal: SIGKILL)
            ranks.value[0].send(signal: SIGCONT)
        }
        #expect(!outcome.timedOut && outcome.status != 0, "\(outcome)")
        try await expectNoOrphans(ranks.value)
        if victim == 0 { #expect(run.partialFiles.count == 1, "killed within the save") }
        try await expectGoesOn(run, on: grid, wider)
    }
}
