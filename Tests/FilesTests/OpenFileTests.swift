import Files
import Foundation
import TestSupport
import Testing

@Suite struct OpenFileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was thrown"
        } catch {
            return "\(error)".replacingOccurrences(of: scratch.path, with: "…")
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        let path = scratch.path + "/numbers"
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let (front, rear) = (Array(bytes[..<1000]), Array(bytes[1000...]))
        var file = try OpenFile.creating(path)
        try file.write(rear.span.bytes, at: 1000)
        try file.write(front.span.bytes, at: 0)
        try file.synchronise()
        try file.close()
        #expect(try readFile(path) == bytes)
        #expect(try SystemFile.contents(of: path) == bytes)

        let read = try OpenFile.regular(path)
        #expect(try read.size() == bytes.count)
        var part = [UInt8](repeating: 0, count: 300)
        #expect(try part.withUnsafeMutableBytes { try read.read(into: $0, at: 150_000) } == 300)
        #expect(part == Array(bytes[150_000..<150_300]))
        #expect(try part.withUnsafeMutableBytes { try read.read(into: $0, at: bytes.count - 10) } == 10, "the file ends")

        let again = try OpenFile.creating(path)
        #expect(try again.size() == bytes.count, "what is there stays")
        try again.empty()
        #expect(try readFile(path) == [])
    }

    @Test func whatIsNoFileIsRefusedAtOnce() throws {
        let pipe = scratch.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(message { _ = try readFile(pipe) } == "…/pipe: cannot read: Not a regular file; choose another")
        #expect(message { _ = try readFile(scratch.path) } == "…: cannot read: Not a regular file; choose another")
        #expect(message { _ = try readFile(scratch.path + "/none") }
            == "…/none: cannot read: No such file or directory; check the path")
        #expect(message { _ = try OpenFile.creating(scratch.path + "/none/file") }
            == "…/none/file: cannot create: No such file or directory; choose a directory that exists")
    }

    /// What the system makes of a path, and nothing else.
    @Test func pathsMeanWhatTheSystemSays() throws {
        let names = FileManager.default
        try names.createDirectory(atPath: scratch.path + "/deep/er", withIntermediateDirectories: true)
        try names.createSymbolicLink(atPath: scratch.path + "/link", withDestinationPath: "deep/er")
        try ReplacementFile.write([1], to: scratch.path + "/link/../beside")
        #expect(try readFile(scratch.path + "/deep/beside") == [1], ".. is the parent of where the link leads")
        try makeDirectory(scratch.path + "/~/a//b/")
        #expect(SystemFile.isDirectory(scratch.path + "/~/a/b"))
        #expect(message { _ = try readFile(scratch.path + "/deep/beside/") }
            == "…/deep/beside/: cannot read: Not a directory; check the path", "a slash at the end asks for a directory")
        #expect(message { _ = try readFile(scratch.path + "/deep/beside\0.txt") }.contains("Invalid argument"))
        #expect(SystemFile.areSame(scratch.path + "/link", scratch.path + "/deep/er"))
        #expect(splitPath("a") == (".", "a") && splitPath("/a") == ("/", "a") && splitPath("a/b/c") == ("a/b", "c"))
    }

    @Test func locksKeepOthersOut() throws {
        let path = scratch.path + "/lock"
        let first = try OpenFile.creating(path), second = try OpenFile.creating(path)
        #expect(first.lock() == .taken)
        #expect(second.lock() == .heldElsewhere && second.lock(shared: true) == .heldElsewhere)
        #expect(first.lock(shared: true) == .taken)
        #expect(second.lock(shared: true) == .taken && second.lock() == .heldElsewhere)
    }

    @Test func devicesThatAreFullSaySo() throws {
        let byte: [UInt8] = [1], full = try OpenFile.creating("/dev/full")
        #expect(message { try full.write(byte.span.bytes, at: 0) }
            == "/dev/full: cannot write: No space left on device; free space or choose another directory")
    }

    @Test func namesAreListed() throws {
        for name in ["b", "a"] { try ReplacementFile.write([], to: scratch.path + "/" + name) }
        #expect(Set(try fileNames(in: scratch.path)) == [".", "..", "a", "b"])
        let error = #expect(throws: FileError.self) { try fileNames(in: scratch.path + "/none") }
        #expect(error?.isOfNothing == true)
        #expect(try DiskSpace.available(in: scratch.path) > 0)
    }
}
