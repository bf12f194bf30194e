import Corpus
import Foundation
import Testing

struct ReplacementFileTests {
    let directory: TemporaryDirectory
    let corpus = EmbeddedCorpus(seed: 3, byteCount: 1)

    init() throws { directory = try TemporaryDirectory() }

    /// An open descriptor that holds a file's lock, as a running writer's does.
    private func locked(_ path: String) throws -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        return descriptor
    }

    @Test func whatAKilledProcessLeftIsRemoved() throws {
        // No process has this id, and process 1 always runs: neither matters.
        try directory.write("part", to: "text.partial-999999999")
        try directory.write("part", to: "text.partial-1")
        try corpus.write(to: directory.file("text"))
        #expect(try directory.names == ["text"])
        #expect(try readBytes(directory.file("text")) == corpus.bytes())
    }

    @Test func whatAnotherWritesStays() throws {
        let path = directory.file("text.partial-999999999")
        let descriptor = try locked(path)
        try corpus.write(to: directory.file("text"))
        #expect(try directory.names == ["text", "text.partial-999999999"])
        close(descriptor)
        try corpus.write(to: directory.file("text"))
        #expect(try directory.names == ["text"])
    }

    @Test func otherFilesStay() throws {
        let others = [
            "other.partial-999999999", "text.json.partial-999999999", "text.partial-", "text.partial-9x",
            "text.partial-notes", "xtext.partial-999999999",
        ]
        for name in others { try directory.write("x", to: name) }
        let files = FileManager.default
        try files.createDirectory(atPath: directory.file("text.partial-5"), withIntermediateDirectories: true)
        try files.createSymbolicLink(
            atPath: directory.file("text.partial-6"), withDestinationPath: "text.partial-notes")
        try corpus.write(to: directory.file("text"))
        #expect(try directory.names == (others + ["text", "text.partial-5", "text.partial-6"]).sorted())
    }

    @Test func aLeftoverOfThisProcessIdIsWrittenAnew() throws {
        let long = [UInt8](repeating: 7, count: 100_000)
        try directory.write(long, to: "text.partial-\(getpid())")
        try corpus.write(to: directory.file("text"))
        #expect(try readBytes(directory.file("text")) == corpus.bytes())
        #expect(try directory.names == ["text"])
    }

    @Test func twoWritersOfTheSameFileDoNotMix() throws {
        let partial = directory.file("text.partial-\(getpid())")
        let descriptor = try locked(partial)
        defer { close(descriptor) }
        let error = #expect(throws: CorpusError.self) { try corpus.write(to: directory.file("text")) }
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
        let error = CorpusError.writing("write", "runs/a/train.bin", code: code)
        #expect("\(error)" == "runs/a/train.bin: cannot write: \(reason)")
    }

    @Test func placesThatCannotBeWritten() throws {
        let file = try directory.write("x", to: "file")
        let cases = [
            ("none/text", "No such file or directory; choose a directory that exists"),
            ("file/text", "Not a directory; choose a directory that exists"),
        ]
        for (name, reason) in cases {
            let path = directory.file(name)
            let error = #expect(throws: CorpusError.self) { try corpus.write(to: path) }
            #expect("\(try #require(error))" == "\(path).partial-\(getpid()): cannot create: \(reason)")
        }
        #expect(try readBytes(file) == Array("x".utf8))
    }
}
