import Corpus
import Foundation
import Testing

struct TokenizerFileTests {
    let good: ByteLevelBPE

    init() throws { good = try smallTokenizer() }

    private var encoder: String { String(decoding: good.files.contents[0], as: UTF8.self) }
    private var merges: String { String(decoding: good.files.contents[1], as: UTF8.self) }

    /// Expects the files to be refused with exactly this problem.
    private func refuse(
        encoder: String? = nil, merges: String? = nil, _ problem: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let file = merges == nil ? "encoder.json" : "vocab.bpe"
        #expect(
            throws: CorpusError.malformedTokenizer(path: file, problem: problem),
            sourceLocation: sourceLocation
        ) {
            try ByteLevelBPE(
                TokenizerFiles(.gpt2, [Array((encoder ?? self.encoder).utf8), Array((merges ?? self.merges).utf8)]))
        }
    }

    @Test func savedFilesGiveTheSameTokenizer() throws {
        let directory = try TemporaryDirectory()
        try good.save(to: directory.file("run/tokenizer"))
        let loaded = try ByteLevelBPE(directory: directory.file("run/tokenizer"))
        #expect(loaded.hash == good.hash)
        #expect(loaded.encode("The river , and the tower .") == good.encode("The river , and the tower ."))
        #expect(try TemporaryDirectory().names == [])
    }

    @Test func huggingFaceNamesAreTakenAndKept() throws {
        let directory = try TemporaryDirectory()
        try directory.write(good.files.contents[0], to: "vocab.json")
        try directory.write(good.files.contents[1], to: "merges.txt")
        let loaded = try ByteLevelBPE(directory: directory.path)
        #expect(loaded.hash == good.hash)
        let other = try TemporaryDirectory()
        try loaded.save(to: other.path)
        #expect(try other.names == ["merges.txt", "vocab.json"])
        #expect(try readBytes(other.file("vocab.json")) == good.files.contents[0])
        #expect(try readBytes(other.file("merges.txt")) == good.files.contents[1])
    }

    @Test func missingFiles() throws {
        let directory = try TemporaryDirectory()
        let empty = #expect(throws: CorpusError.self) { try ByteLevelBPE(directory: directory.path) }
        #expect("\(try #require(empty))".contains("no tokenizer here"))
        try directory.write(good.files.contents[0], to: "encoder.json")
        let half = #expect(throws: CorpusError.self) { try ByteLevelBPE(directory: directory.path) }
        #expect("\(try #require(half))".hasPrefix("\(directory.path)/vocab.bpe: cannot read"))
    }

    @Test func saveIntoAFileIsRefused() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("x", to: "file")
        for path in [file, file + "/tokenizer", file + "/"] {
            let error = #expect(throws: CorpusError.self) { try good.save(to: path) }
            let ending = ": cannot create the directory: Not a directory; choose a directory that exists"
            #expect("\(try #require(error))".hasSuffix(ending))
        }
    }

    @Test func directoriesAreTheSystems() throws {
        let directory = try TemporaryDirectory()
        // A tilde and a mark behind a slash are parts of names.
        for name in ["~/tokenizer", "a//b/", "a/\u{301}c", "~root"] {
            try good.save(to: directory.file(name))
            #expect(try ByteLevelBPE(directory: directory.file(name)).hash == good.hash)
        }
        #expect(try directory.names == ["a", "~", "~root"])

        // `..` behind a link leads out of the directory that the link leads to.
        let elsewhere = try TemporaryDirectory()
        try good.save(to: elsewhere.file("in/deep"))
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("link"), withDestinationPath: elsewhere.file("in/deep"))
        try good.save(to: directory.file("link/../beside"))
        #expect(try ByteLevelBPE(directory: elsewhere.file("in/beside")).hash == good.hash)
        #expect(try directory.names == ["a", "link", "~", "~root"])

        let error = #expect(throws: CorpusError.self) { try good.save(to: "") }
        #expect(
            "\(try #require(error))"
                == ": cannot create the directory: No such file or directory; choose a directory that exists")
    }

    @Test func encoderContents() {
        let object = "not a JSON object from tokens to integer ids: "
        refuse(encoder: "", object + "not JSON: no {; it ends too early")
        refuse(encoder: "[1, 2]", object + "not JSON: no { at byte 0")
        refuse(encoder: String(encoder.dropLast()), object + "not JSON: no }; it ends too early")
        refuse(encoder: encoder.replacing("\"A\": 32", with: "\"A\": 32, \"A\": 300"), "the token \"A\" comes twice")
        refuse(encoder: encoder.replacing("\"A\": 32", with: "\"A\": \"x\""), object + "the id of \"A\" is not an integer")
        refuse(encoder: encoder.replacing("\"A\": 32", with: "\"A\": 33"), "\"A\" and \"B\" have the same id, 33")
        refuse(
            encoder: encoder.replacing("\"A\": 32, ", with: ""),
            "no entry has the id 32; ids must run from 0 without a gap")
        refuse(encoder: encoder.replacing("\"A\": 32", with: "\"A\": -1"), "\"A\" has the id -1; ids start at 0")
        refuse(
            encoder: encoder.replacing("\"A\": 32", with: "\"Axe\": 32"),
            "no entry for byte 65, spelled \"A\"")
        refuse(
            encoder: encoder.replacing("<|endoftext|>", with: "<|end|>"), "no entry for <|endoftext|>")
    }

    @Test func tooManyEntries() {
        let entries = (0...1 << 20).map { "\"x\($0)\": \($0)" }.joined(separator: ",")
        refuse(encoder: "{\(entries)}", "1048577 entries; a vocabulary has 1048576 at most")
    }

    @Test func mergesContents() {
        let form = "a merge is two tokens with one space between them"
        let lines = merges.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        func with(line number: Int, _ text: String) -> String {
            var lines = lines
            lines[number - 1] = text
            return lines.joined(separator: "\n")
        }
        refuse(merges: with(line: 3, "abc"), "line 3: \(form)")
        refuse(merges: with(line: 3, "a b c"), "line 3: \(form)")
        refuse(merges: with(line: 3, "a "), "line 3: \(form)")
        refuse(merges: with(line: 3, ""), "line 3: \(form)")
        refuse(merges: with(line: 4, "qq z"), "line 4: \"qq\" is not in the vocabulary")
        refuse(merges: with(line: 4, "q z"), "line 4: \"qz\" is not in the vocabulary")
        refuse(merges: with(line: 4, lines[1]), "line 4: the same merge as number 1")
        #expect(throws: Never.self) {
            try ByteLevelBPE(
                TokenizerFiles(
                    .gpt2, [good.files.contents[0], Array(lines.dropFirst().joined(separator: "\r\n").utf8)]))
        }
    }
}
