import Corpus
import Options
import Testing

struct SpecialTextTests {
    private func text(
        _ content: String, _ kind: Text.Kind = .plain, _ specialText: SpecialText = .split
    ) throws -> Text {
        try Text(bytes: Array(content.utf8), name: "stories.txt", kind: kind, specialText: specialText)
    }

    private func articles(_ text: Text) -> [String] {
        text.articles.map { String(decoding: text.bytes[$0], as: UTF8.self) }
    }

    @Test func aLineThatIsExactlyItEndsADocument() throws {
        let content = "One two.\n\nThree.\n<|endoftext|>\nFour.\n<|endoftext|>\nFive\n"
        let split = try Text(bytes: Array(content.utf8), name: "t", kind: .plain)
        #expect(split.specialText == .split)
        #expect(articles(split) == ["One two.\n\nThree.\n", "Four.\n", "Five\n"])
        #expect(split.separators == 2)
        #expect(split.wordCount == 5)
        #expect(split.byteCount == content.utf8.count - 2 * "<|endoftext|>\n".utf8.count)
        #expect(split.bytes == Array(content.utf8))
    }

    @Test(arguments: [
        ("a\r\n<|endoftext|>\r\nb\r\n", ["a\r\n", "b\r\n"], 1),
        ("a\n<|endoftext|>", ["a\n"], 1),
        ("a\n<|endoftext|>\r", ["a\n"], 1),
        ("<|endoftext|>\na", ["a"], 1),
        ("a\n<|endoftext|>\n<|endoftext|>\n<|endoftext|>\nb", ["a\n", "b"], 3),
        ("a\n<|endoftext|>\n \n\u{3000}\n<|endoftext|>\nb\n<|endoftext|>\n\n", ["a\n", "b\n"], 3),
    ])
    func endsOfLinesAndEmptyDocuments(content: String, documents: [String], separators: Int) throws {
        let text = try text(content)
        #expect(articles(text) == documents)
        #expect(text.separators == separators)
        #expect(text.wordCount == documents.count)
        #expect(text.byteCount == documents.reduce(0) { $0 + $1.utf8.count })
    }

    @Test(arguments: [
        "a <|endoftext|>\nb", "a\n<|endoftext|> b\n", "a\n <|endoftext|>\nb", "a\n<|endoftext|> \nb",
        "a\n<|endoftext|><|endoftext|>\nb", "a\r<|endoftext|>\rb", "a\n<|endoftext|>\r\r\nb", "a\n<|endoftext|\n>",
        "a\n<|EndOfText|>\nb", "\u{FEFF}<|endoftext|>\na",
    ])
    func elsewhereItIsOrdinaryText(content: String) throws {
        let text = try text(content)
        #expect(articles(text) == [content])
        #expect(text.separators == 0)
        #expect(text.byteCount == content.utf8.count)
    }

    @Test(arguments: ["<|endoftext|>", "<|endoftext|>\n<|endoftext|>\r\n\n \n<|endoftext|>\n"])
    func nothingButSeparatorsIsNoText(content: String) {
        #expect(throws: CorpusError.emptyText(path: "stories.txt")) { try text(content) }
    }

    @Test func encodedItIsText() throws {
        let content = "a\n<|endoftext|>\nb\n"
        let whole = try text(content, .plain, .encode)
        #expect(articles(whole) == [content])
        #expect((whole.separators, whole.wordCount, whole.byteCount) == (0, 3, content.utf8.count))
        let tokenizer = try smallTokenizer()
        let directory = try TemporaryDirectory()
        let shard = try Shard.build(directory.file("a.bin"), text: whole, tokenizer: tokenizer)
        #expect(shard.count == tokenizer.encode(content).count + 1)
    }

    @Test func refusedWhereverItStands() throws {
        for (content, line) in [("<|endoftext|>\na", 1), ("a\n\nb <|endoftext|> c\n<|endoftext|>\n", 3)] {
            let error = #expect(throws: CorpusError.specialText(path: "stories.txt", line: line)) {
                try text(content, .plain, .refuse)
            }
            #expect(
                "\(try #require(error))"
                    == "stories.txt: <|endoftext|> at line \(line), which \(option: "special-text") refuse does not allow; "
                    + "give \(option: "special-text") split to end a document at every line that is exactly it, "
                    + "or encode to read it as text")
        }
        #expect(articles(try text("a < b |> c\n", .plain, .refuse)) == ["a < b |> c\n"])
    }

    @Test func wikiTextSplitsByHeadingWithinDocuments() throws {
        let (one, two) = (" \n = One = \n \n x \n", " \n = Two = \n \n y \n")
        let three = " no title \n"
        let content = one + two + "<|endoftext|>\n" + three + "<|endoftext|>\n \n<|endoftext|>\n" + one
        let tokens = try text(content, .wikiTextTokens)
        #expect(articles(tokens) == [one, two, three, one])
        #expect(tokens.separators == 3)
        // Words and the ends of lines: 4 + 4 in each titled article, 2 + 1 in the other.
        let counts = try [one, two, three, one].map { try text($0, .wikiTextTokens).wordCount }
        #expect(tokens.wordCount == counts.reduce(0, +))
        #expect(tokens.wordCount == 8 + 8 + 3 + 8)
        #expect(articles(try text(content, .wikiTextRaw)) == [one, two, three, one])
    }

    @Test(arguments: SpecialText.allCases, [Text.Kind.plain, .wikiTextTokens, .wikiTextRaw])
    func withoutItNothingDiffers(specialText: SpecialText, kind: Text.Kind) throws {
        let bytes = EmbeddedCorpus(seed: 9, byteCount: 30_000).bytes()
        let text = try Text(bytes: bytes, name: "t", kind: kind, specialText: specialText)
        let other = try Text(bytes: bytes, name: "t", kind: kind, specialText: .encode)
        #expect(text.articles == other.articles)
        #expect(text.articles.flatMap { text.bytes[$0] } == bytes)
        #expect((text.separators, text.byteCount) == (0, bytes.count))
        #expect((text.wordCount, text.hash) == (other.wordCount, other.hash))
    }

    /// No line starts or ends with a space: white space around a document's end would make other pieces.
    @Test func theTokenizerLearnsFromTheDocumentsAlone() throws {
        let bytes = EmbeddedCorpus(seed: 5, byteCount: 20_000).bytes()
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { $0 != " " }
            .map { $0.dropFirst().dropLast() + "\n" }
        let apart = try text(lines.joined(separator: "<|endoftext|>\n"))
        let together = try text(lines.joined())
        #expect(apart.separators == lines.count - 1)
        #expect((apart.wordCount, apart.byteCount) == (together.wordCount, together.byteCount))
        let learnt = try BPETrainer.train(on: apart, vocabularySize: 400)
        #expect(learnt.hash == (try BPETrainer.train(on: together, vocabularySize: 400).hash))
        let encoded = try text(lines.joined(separator: "<|endoftext|>\n"), .plain, .encode)
        #expect(learnt.hash != (try BPETrainer.train(on: encoded, vocabularySize: 400).hash))
    }
}
