import Checkpoint
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct DirectoryTests {
    let scratch: Scratch
    let directory: CheckpointDirectory

    init() throws {
        scratch = try Scratch()
        directory = CheckpointDirectory(scratch.path)
    }

    private func touch(_ name: String) {
        _ = FileManager.default.createFile(atPath: scratch.path + "/" + name, contents: nil)
    }

    @Test func listsOnlyCheckpointsNewestFirst() throws {
        for name in [
            "checkpoint-00000200.h5", "checkpoint-00000099.h5", "checkpoint-123456789.h5", "checkpoint-00000300.h5.partial",
            "checkpoint-300.h5", "checkpoint-+0000300.h5", "checkpoint-0000000300.h5", "checkpoint-.h5", "metrics.jsonl",
        ] { touch(name) }
        #expect(try directory.checkpoints().map(\.step) == [123_456_789, 200, 99])
        #expect(CheckpointDirectory.fileName(step: 200) == "checkpoint-00000200.h5")
        #expect(try CheckpointDirectory(scratch.path + "/none").checkpoints().isEmpty)
        #expect(try CheckpointDirectory(scratch.path + "/none").newestVerified().checkpoint == nil)
        #expect(message { _ = try CheckpointDirectory(scratch.path + "/metrics.jsonl").checkpoints() }.contains("cannot list"))
    }

    @Test func newestVerifiedSkipsTheDamagedByName() throws {
        for step in [100, 200, 300, 400] { try saveSample(step: step, in: scratch.path) }
        let cut = try FileHandle(forUpdating: URL(fileURLWithPath: scratch.path + "/checkpoint-00000400.h5"))
        try cut.truncate(atOffset: 3000)
        let flipped = try FileHandle(forUpdating: URL(fileURLWithPath: scratch.path + "/checkpoint-00000300.h5"))
        try flipped.seek(toOffset: 2500)
        let byte = try #require(try flipped.read(upToCount: 1))
        try flipped.seek(toOffset: 2500)
        try flipped.write(contentsOf: [byte[0] ^ 0x10])
        try FileManager.default.copyItem(
            atPath: scratch.path + "/checkpoint-00000100.h5", toPath: scratch.path + "/checkpoint-00000250.h5")
        touch("checkpoint-00000500.h5.partial")

        let newest = try directory.newestVerified()
        #expect(newest.checkpoint?.step == 200)
        #expect(newest.checkpoint?.path == scratch.path + "/checkpoint-00000200.h5")
        #expect(newest.skipped.map(\.path) == ["400", "300", "250"].map { scratch.path + "/checkpoint-00000\($0).h5" })
        #expect("\(newest.skipped[0].reason)".contains("it has 3000 bytes where"))
        #expect("\(newest.skipped[1].reason)".contains("its checksum does not match its bytes"))
        #expect("\(newest.skipped[2].reason)".contains("it holds step 100"))
    }

    @Test func noneVerifies() throws {
        touch("checkpoint-00000001.h5")
        let newest = try directory.newestVerified()
        #expect(newest.checkpoint == nil)
        #expect(newest.skipped.count == 1)
    }

    @Test func pruningKeepsTheNewest() throws {
        for step in 1...5 { touch(CheckpointDirectory.fileName(step: step)) }
        touch("checkpoint-00000006.h5.partial")
        touch("notes.partial")
        #expect(message { try directory.prune(keep: 0) }.contains("keep 0"))
        #expect(try directory.checkpoints().count == 5)
        let removed = try directory.prune(keep: 2)
        #expect(removed.map { URL(fileURLWithPath: $0).lastPathComponent } == [
            "checkpoint-00000003.h5", "checkpoint-00000002.h5", "checkpoint-00000001.h5", "checkpoint-00000006.h5.partial",
        ])
        #expect(scratch.names == ["checkpoint-00000004.h5", "checkpoint-00000005.h5", "notes.partial"])
        #expect(try directory.prune(keep: 2) == [])
        #expect(try directory.prune(keep: 1).count == 1)
        #expect(try directory.checkpoints().map(\.step) == [5])
    }

    /// A run resumed at 100, because 300 was bad, has saved 150: that must outlive its own pruning.
    @Test func pruningSparesWhatWasJustSaved() throws {
        for step in [50, 100, 150, 300] { touch(CheckpointDirectory.fileName(step: step)) }
        try directory.prune(keep: 1, upTo: 150)
        #expect(try directory.checkpoints().map(\.step) == [300, 150])
    }

    @Test func savingAStepAgainReplacesIt() throws {
        touch("checkpoint-00000007.h5")
        try saveSample(step: 7, in: scratch.path)
        #expect(try directory.newestVerified().checkpoint?.step == 7)
        #expect(scratch.names == ["checkpoint-00000007.h5"])
    }
}
