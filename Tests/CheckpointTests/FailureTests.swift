import Checkpoint
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct FailureTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func saveLarge(step: Int, in directory: String, expectedBytes: Int = 0) throws {
        var writer = try CheckpointWriter(directory: directory, step: step, expectedBytes: expectedBytes)
        for i in 0..<40 { try writer.write("/model/\(i)", shape: [16, 64], ramp(1024)) }
        _ = try writer.commit()
    }

    /// A disk that is full at every possible moment of a save, page by page.
    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount"))
    func aFullDiskLeavesTheOlderCheckpoint() throws {
        let page = 4096
        let disk = try SmallDisk(bytes: 150 * page)
        try saveLarge(step: 1, in: disk.path)
        var failures = 0
        for filler in stride(from: 100 * page, through: 0, by: -page) {
            let file = disk.path + "/filler"
            // What exceeds the disk is cut off: then the disk is full.
            _ = FileManager.default.createFile(atPath: file, contents: Data(count: filler))
            do {
                try saveLarge(step: 2, in: disk.path)
                break
            } catch {
                failures += 1
                #expect("\(error)".contains("checkpoint-00000002.h5.partial: No space left on device"))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).sorted() == ["checkpoint-00000001.h5", "filler"])
        }
        #expect(failures > 40)
        #expect(try CheckpointDirectory(disk.path).newestVerified().checkpoint?.step == 2)
    }

    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount"))
    func tooLittleRoomIsSeenAtOnce() throws {
        let disk = try SmallDisk(bytes: 64 << 10)
        let error = message { try saveLarge(step: 1, in: disk.path, expectedBytes: 160 << 10) }
        #expect(error.contains("no room for a checkpoint of 163840 bytes at \(disk.path): 65536 bytes are free"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == [])
    }

    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount"))
    func aReadOnlyDiskIsNamed() throws {
        let disk = try SmallDisk(bytes: 64 << 10)
        try disk.makeReadOnly()
        let error = message { try saveLarge(step: 1, in: disk.path) }
        #expect(error.contains("cannot create \(disk.path)/checkpoint-00000001.h5.partial: Read-only file system"))
    }

    @Test func aDirectoryThatCannotBeIsNamed() throws {
        let file = scratch.path + "/file"
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        #expect(message { try saveLarge(step: 1, in: file) }.contains("cannot create \(file)/checkpoint-00000001.h5.partial: Not a directory"))
        #expect(message { try saveLarge(step: 1, in: scratch.path + "/none") }.contains("No such file or directory"))
        #expect(message { try saveLarge(step: 1, in: "/proc") }.contains("cannot create /proc/checkpoint-00000001.h5.partial"))
        #expect(message { try saveLarge(step: 1, in: scratch.path + "/none", expectedBytes: 1) }.contains("No such file"))
    }

    /// In a process of its own, since the limit is the process's: every limit from 0 to enough, 512 bytes apart.
    @Test func aFileSizeLimitLeavesTheOlderCheckpoint() throws {
        let outcome = try run(Tool.probe, ["starve", scratch.path])
        #expect(outcome.status == 0 && !outcome.isSignalled, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.errors == "")
        let directory = CheckpointDirectory(scratch.path)
        #expect(try directory.checkpoints().map(\.step) == [2, 1])
        #expect(try directory.newestVerified().skipped.isEmpty)
    }

    @Test func aDroppedWriterLeavesNothing() throws {
        do {
            var writer = try CheckpointWriter(directory: scratch.path, step: 3)
            var dataset = try writer.create("/model/a", shape: [4, 2], of: Float.self)
            try writer.append(ramp(4), to: &dataset)
            #expect(scratch.names == ["checkpoint-00000003.h5.partial"])
        } catch {
            Issue.record(error)
        }
        #expect(scratch.names == [])
    }

    @Test func aSecondWriterIsRefused() throws {
        let writer = try CheckpointWriter(directory: scratch.path, step: 3)
        let error = message { _ = try CheckpointWriter(directory: scratch.path, step: 3).path }
        #expect(error.contains("checkpoint-00000003.h5.partial is locked by another process"))
        #expect(try CheckpointDirectory(scratch.path).prune(keep: 1) == [])
        #expect(try CheckpointReader(path: try writer.commit()).step == 3)
    }

    @Test func misuseIsNamed() throws {
        var writer = try CheckpointWriter(directory: scratch.path, step: 3)
        try writer.write("/model/a", scalar: Float(1))
        for (name, reason) in [
            ("model", "begins with /"), ("/a//b", "not empty"), ("/a/../b", "not empty"), ("/a/", "not empty"),
            ("/model/a", "written already"), ("/manifest", "written already"), ("/a\u{0}", "NUL"),
            ("/" + String(repeating: "x", count: 1024), "at most 1024"),
        ] {
            do {
                try writer.write(name, scalar: Float(1))
                Issue.record("\(name) was taken")
            } catch { #expect("\(error)".contains(reason)) }
        }
        for (shape, reason) in [
            ([-1], "negative"), ([1 << 40, 1 << 40], "absurdly large"), ([0, 1 << 40, 1 << 40], "absurdly large"),
            ([Int](repeating: 1, count: 33), "33 axes"), ([2, 3], "1 elements are not whole rows of 3"),
            ([0], "1 rows written where it has 0"),
        ] {
            do {
                try writer.write("/shape\(shape)", shape: shape, ramp(1))
                Issue.record("\(shape) was taken")
            } catch { #expect("\(error)".contains(reason)) }
        }
        do {
            try writer.setAttribute("step", .integer(1))
            Issue.record("step was taken")
        } catch { #expect("\(error)".contains("reserved")) }
        do {
            try writer.setAttribute("long", .text(String(repeating: "x", count: 60_001)))
            Issue.record("a long attribute was taken")
        } catch { #expect("\(error)".contains("write a dataset")) }
        do {
            try writer.write("/nan", json: [Double.nan])
            Issue.record("NaN was taken")
        } catch { #expect("\(error)".contains("no JSON form")) }
        do {
            try writer.write("/model/a/b", scalar: Float(1))
            Issue.record("a dataset served as a group")
        } catch { #expect("\(error)".contains("/model/a/b") && !"\(error)".contains("\n")) }
        do {
            _ = try writer.commit()
            Issue.record("unfinished datasets were committed")
        } catch { #expect("\(error)".contains("never finished")) }
        #expect(scratch.names == [])
        #expect(message { _ = try CheckpointWriter(directory: scratch.path, step: -1).path }.contains("count from 0"))
    }

    @Test func missingRowsAreNamed() throws {
        var writer = try CheckpointWriter(directory: scratch.path, step: 3)
        var dataset = try writer.create("/model/a", shape: [4, 2], of: Float.self)
        try writer.append(ramp(6), to: &dataset)
        do {
            try writer.append(ramp(4), to: &dataset)
            Issue.record("too many rows were taken")
        } catch { #expect("\(error)".contains("5 rows written where it has 4")) }
        do {
            try writer.finish(dataset)
            Issue.record("too few rows were taken")
        } catch { #expect("\(error)".contains("3 rows written where it has 4")) }
    }

    @Test func wrongExpectationsAreNamed() throws {
        let reader = try CheckpointReader(path: try saveSample(in: scratch.path))
        func refusal(_ body: () throws -> Void) -> String { message(body) }
        #expect(
            refusal { _ = try reader.read("/model/a.weight", shape: [4, 6], of: Float.self) }
                .contains("/model/a.weight is float32 [6, 4] where float32 [4, 6] is expected"))
        #expect(
            refusal { _ = try reader.read("/model/a.weight", shape: [6, 4], of: Double.self) }
                .contains("is float32 [6, 4] where float64 [6, 4] is expected"))
        #expect(
            refusal { _ = try reader.read("/model/c.weight", shape: [1], of: Float.self) }
                .contains("has no /model/c.weight"))
        #expect(
            refusal { try reader.read("/model/a.weight", shape: [6, 4], into: ramp(23)) }
                .contains("24 elements do not fill a buffer of 23"))
        #expect(refusal { _ = try reader.text("/model/a.weight") }.contains("where text is expected"))
        #expect(refusal { _ = try reader.bytes("/tokenizer/hash") }.contains("where uint8 is expected"))
        #expect(refusal { _ = try reader.json("/config", as: [Int].self) }.contains("its JSON is not a Array<Int>"))
        #expect(refusal { _ = try reader.attribute("none") }.contains("has no attribute none"))
    }
}
