import Checkpoint
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct DamageTests {
    let scratch: Scratch
    let path: String
    let intact: [UInt8]

    init() throws {
        scratch = try Scratch()
        path = try saveSample(in: scratch.path)
        intact = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private func store(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    /// Every byte of the file, seal, superblock, headers, data and gaps, each with one bit changed and inverted.
    @Test func noByteChangesUnseen() throws {
        try store(intact)
        #expect(try CheckpointReader(path: path).step == 7)
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        var unseen: [Int] = []
        for position in intact.indices {
            for mask in [UInt8(1) << (position % 8), 0xFF] {
                try file.seek(toOffset: UInt64(position))
                try file.write(contentsOf: [intact[position] ^ mask])
                do throws(CheckpointError) {
                    _ = try CheckpointReader(path: path).step
                    unseen.append(position)
                } catch { #expect(!"\(error)".contains("\n")) }
            }
            try file.seek(toOffset: UInt64(position))
            try file.write(contentsOf: [intact[position]])
        }
        #expect(unseen == [])
        #expect(try CheckpointReader(path: path).step == 7)
    }

    @Test func noLengthButTheRightOne() throws {
        for length in [0, 1, 511, 512, 513, 1024, intact.count / 2, intact.count - 1] {
            try store(Array(intact.prefix(length)))
            #expect(message { _ = try CheckpointReader(path: path).step }.contains(path))
        }
        try store(intact + [0])
        #expect(message { _ = try CheckpointReader(path: path).step }.contains("is damaged"))
    }

    @Test func otherFormatsAreNamed() throws {
        let text = String(decoding: intact.prefix(512), as: UTF8.self).replacingOccurrences(of: "format 1", with: "format 9")
        try store(Array(text.utf8) + intact.dropFirst(512))
        let error = message { _ = try CheckpointReader(path: path).step }
        #expect(error.contains("checkpoint format 9, this program reads format 1"))
    }

    @Test func otherThingsAreNotCheckpoints() throws {
        try store(Array("\u{89}HDF\r\n\u{1a}\n".utf8) + [UInt8](repeating: 0, count: 2000))
        #expect(message { _ = try CheckpointReader(path: path).step }.contains("not a drrl checkpoint"))
        #expect(message { _ = try CheckpointReader(path: scratch.path).step }.contains("not a regular file"))
        #expect(message { _ = try CheckpointReader(path: scratch.path + "/none").step }.contains("No such file"))
        let pipe = scratch.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(message { _ = try CheckpointReader(path: pipe).step }.contains("not a regular file"))
    }

    /// Whole files, sealed as they should be, that hold what no checkpoint does.
    @Test(
        .enabled(if: Tool.python != nil, "needs Python with h5py"),
        arguments: [
            ("extra_dataset", "/model/extra: it is not in the manifest"),
            ("missing_dataset", "has no /model/a.weight"),
            ("soft_link", "/model/a.weight: it is a link to elsewhere"),
            ("external_link", "/model/a.weight: it is a link to elsewhere"),
            ("filtered", "/model/a.weight: it passes through filters"),
            ("outside_data", "/model/a.weight: its data lie in other files"),
            ("variable_text", "/config: it is not the text"),
            ("other_type", "/model/a.weight: it is not the float32 [6, 4] of the manifest"),
            ("other_shape", "/model/a.weight: it is not the float32 [6, 4] of the manifest"),
            ("group_for_dataset", "/model/a.weight: it is not in the manifest"),
            ("cycle", "/model/again: it is not in the manifest"),
            ("no_manifest", "has no /manifest"),
            ("other_manifest", "its manifest does not match its checksum"),
            ("absurd_shape", "is absurdly large"),
            ("negative_shape", "has a negative extent"),
            ("large_shape", "exceeds the file"),
            ("listed_twice", "it is listed twice"),
            ("other_step", "its attributes and its manifest disagree"),
            ("broken_json", "/manifest: "),
        ])
    func forgeriesAreRefused(kind: String, reason: String) throws {
        let outcome = try run(try #require(Tool.python), [Tool.script("forge.py"), kind, path])
        try #require(outcome.status == 0, "\(outcome.errors)")
        #expect(message { _ = try CheckpointReader(path: path).step }.contains(reason))
    }

    @Test(.enabled(if: Tool.python != nil, "needs Python with h5py"))
    func aForgeryThatChangesNothingIsRead() throws {
        let outcome = try run(try #require(Tool.python), [Tool.script("forge.py"), "same_file", path])
        try #require(outcome.status == 0, "\(outcome.errors)")
        try CheckpointReader(path: path).verify()
    }

    @Test(.enabled(if: Tool.python != nil, "needs Python with h5py"))
    func otherValuesAreRefusedWhenRead() throws {
        let outcome = try run(try #require(Tool.python), [Tool.script("forge.py"), "other_values", path])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let reader = try CheckpointReader(path: path)
        let reason = "/model/a.weight does not match its checksum"
        do {
            try reader.verify()
            Issue.record("verified")
        } catch {
            #expect("\(error)".contains(reason))
        }
        do {
            _ = try reader.read("/model/a.weight", shape: [6, 4], of: Float.self)
            Issue.record("read")
        } catch {
            #expect("\(error)".contains(reason))
        }
        #expect(try reader.read("/model/b.weight", shape: [5], of: Float.self)[0] == 100)
    }
}
