import Checkpoint
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct KillTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test(arguments: ["begun", "half", "written"])
    func aKilledSaveLeavesTheOlderCheckpoint(moment: String) throws {
        try saveSample(step: 1, in: scratch.path)
        let outcome = try run(Tool.probe, ["die", scratch.path, moment])
        #expect(outcome.isSignalled && outcome.status == SIGKILL)
        #expect(scratch.names == ["checkpoint-00000001.h5", "checkpoint-00000002.h5.partial"])

        let directory = CheckpointDirectory(scratch.path)
        let newest = try directory.newestVerified()
        #expect(newest.checkpoint?.step == 1)
        #expect(newest.skipped.isEmpty)
        // What was left is overwritten by the next attempt and removed by pruning.
        try saveSample(step: 2, in: scratch.path)
        #expect(scratch.names == ["checkpoint-00000001.h5", "checkpoint-00000002.h5"])
        #expect(try run(Tool.probe, ["die", scratch.path, moment]).isSignalled)
        #expect(try directory.prune(keep: 2) == [scratch.path + "/checkpoint-00000002.h5.partial"])
    }

    /// Killed wherever it happens to be, many times: each checkpoint that stands under its name is whole.
    @Test func aKillAtAnyMomentLeavesOnlyWholeCheckpoints() throws {
        let directory = CheckpointDirectory(scratch.path)
        for round in 0..<12 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: Tool.probe)
            process.arguments = ["forever", scratch.path]
            try process.run()
            while try process.isRunning && directory.checkpoints().count <= round % 4 { usleep(200) }
            usleep(useconds_t(round * 731))
            #expect(process.isRunning)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()

            let newest = try directory.newestVerified()
            #expect(newest.skipped.isEmpty)
            for file in try directory.checkpoints() {
                let reader = try CheckpointReader(path: file.path)
                try reader.verify()
                #expect(reader.step == file.step)
                #expect(try reader.scalar("/data/cursor", of: Int64.self) == Int64(file.step))
            }
            try directory.prune(keep: 1)
            #expect(scratch.names == [CheckpointDirectory.fileName(step: newest.checkpoint?.step ?? -1)])
            try FileManager.default.removeItem(atPath: scratch.path + "/" + scratch.names[0])
        }
    }
}
