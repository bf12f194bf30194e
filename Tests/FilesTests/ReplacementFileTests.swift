import Files
import Foundation
import TestSupport
import Testing

@Suite struct ReplacementFileTests {
    let directory: Scratch
    let contents = Array("whole".utf8)

    init() throws { directory = try Scratch() }

    private func file(_ name: String) -> String { "\(directory.path)/\(name)" }

    @discardableResult
    private func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    /// An open descriptor that holds a file's lock, as a running writer's does.
    private func locked(_ path: String) throws -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        return descriptor
    }

    @Test func whatAKilledProcessLeftIsRemoved() throws {
        // No process has this id, and process 1 always runs: neither matters.
        try write(Array("part".utf8), to: "text.partial-999999999")
        try write(Array("part".utf8), to: "text.partial-1")
        try ReplacementFile.write(contents, to: file("text"))
        #expect(directory.names == ["text"])
        #expect(try readFile(file("text")) == contents)
    }

    @Test func whatAnotherWritesStays() throws {
        let path = file("text.partial-999999999")
        let descriptor = try locked(path)
        try ReplacementFile.write(contents, to: file("text"))
        #expect(directory.names == ["text", "text.partial-999999999"])
        close(descriptor)
        try ReplacementFile.write(contents, to: file("text"))
        #expect(directory.names == ["text"])
    }

    @Test func otherFilesStay() throws {
        let others = [
            "other.partial-999999999", "text.json.partial-999999999", "text.partial-", "text.partial-9x",
            "text.partial-notes", "xtext.partial-999999999",
        ]
        for name in others { try write(Array("x".utf8), to: name) }
        let files = FileManager.default
        try files.createDirectory(atPath: file("text.partial-5"), withIntermediateDirectories: true)
        try files.createSymbolicLink(
            atPath: file("text.partial-6"), withDestinationPath: "text.partial-notes")
        try ReplacementFile.write(contents, to: file("text"))
        #expect(directory.names == (others + ["text", "text.partial-5", "text.partial-6"]).sorted())
    }

    @Test func aLeftoverOfThisProcessIdIsWrittenAnew() throws {
        let long = [UInt8](repeating: 7, count: 100_000)
        try write(long, to: "text.partial-\(getpid())")
        try ReplacementFile.write(contents, to: file("text"))
        #expect(try readFile(file("text")) == contents)
        #expect(directory.names == ["text"])
    }

    @Test func devicesAreNotReplaced() {
        #expect(throws: FileError.self) { _ = try ReplacementFile("/dev/drrl-nothing") }
        #expect(!FileManager.default.fileExists(atPath: "/dev/drrl-nothing"))
    }

    @Test func twoWritersOfTheSameFileDoNotMix() throws {
        let partial = file("text.partial-\(getpid())")
        let descriptor = try locked(partial)
        defer { close(descriptor) }
        let error = #expect(throws: FileError.self) { try ReplacementFile.write(contents, to: file("text")) }
        #expect(
            "\(try #require(error))"
                == "\(partial): cannot create: it is locked by another writer; "
                + "stop that one or choose another directory")
    }

    @Test(arguments: [
        (ENOSPC, "No space left on device; free space or choose another directory"),
        (EDQUOT, "Disk quota exceeded; free space or choose another directory"),
        (EFBIG, "File too large; raise the file size limit (ulimit -f)"),
        (EIO, "Input/output error; check the disk or choose another directory"),
        (EROFS, "Read-only file system; choose a directory that can be written"),
        (EINVAL, "Invalid argument"),
    ])
    func failuresToWriteSayWhatToDo(code: Int32, reason: String) {
        let error = FileError("write", "runs/a/train.bin", code: code, for: .writing)
        #expect("\(error)" == "runs/a/train.bin: cannot write: \(reason)")
    }

    @Test func placesThatCannotBeWritten() throws {
        let other = try write(Array("x".utf8), to: "file")
        let cases = [
            ("none/text", "No such file or directory; choose a directory that exists"),
            ("file/text", "Not a directory; choose a directory that exists"),
        ]
        for (name, reason) in cases {
            let path = file(name)
            let error = #expect(throws: FileError.self) { try ReplacementFile.write(contents, to: path) }
            #expect("\(try #require(error))" == "\(path).partial-\(getpid()): cannot create: \(reason)")
        }
        #expect(try readFile(other) == Array("x".utf8))
    }
}
