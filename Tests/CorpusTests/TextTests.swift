import Corpus
import Testing

struct TextTests {
    private func wikiText(_ text: String) throws -> Text {
        try Text(bytes: Array(text.utf8), name: "t.tokens", kind: .wikiTextTokens)
    }

    private func articles(_ text: Text) -> [String] {
        text.articles.map { String(decoding: text.bytes[$0], as: UTF8.self) }
    }

    @Test(
        .enabled(
            if: SharedData.hasWikiText, "needs wikitext-2/ in ../shared/data or DRRL_DATA"),
        arguments: [("valid", 217_646, 60), ("test", 245_569, 60)])
    func publishedCounts(split: String, words: Int, articles: Int) throws {
        let text = try Text(contentsOf: SharedData.path("wikitext-2/wiki.\(split).tokens"))
        #expect(text.kind == .wikiTextTokens)
        #expect(text.wordCount == words)
        #expect(text.articles.count == articles)
        for article in text.articles {
            let start = String(decoding: text.bytes[article].prefix(6), as: UTF8.self)
            #expect(start.hasPrefix(" \n = ") && !start.hasSuffix("="))
        }
    }

    @Test func articlesStartAtTheBlankLineBeforeTheirTitle() throws {
        let first = " \n = One = \n \n Words here . \n \n = = Part = = \n \n More . \n \n"
        let second = " \n = Two = \n \n = = = Deep = = = \n \n Words . \n"
        let text = try wikiText(first + second)
        #expect(articles(text) == [first, second])
    }

    @Test func linesThatOnlyLookLikeTitlesDoNotCut() throws {
        let bodies = [
            " x \n = 1 / s and a nominal k = \n \n y \n",  // no blank line before
            " x \n \n = 1 / s and k = \n y \n",  // none after
            " x \n \n = value \n \n y \n",
            " x \n \n = = Part = = \n \n y \n",
            " x \n \n = Part = = \n \n y \n",
            " x \n \n = = Part = \n \n y \n",
            " x \n \n=Part= \n \n y \n",
            " x \n \n = = \n \n y \n",
            " x \n \n =  = \n \n y \n",
        ]
        for body in bodies {
            let text = try wikiText(" \n = Title = \n \n" + body)
            #expect(text.articles.count == 1, "\(body)")
        }
        #expect(try wikiText(" \n = Title = \n \n x \n \n = Two = \n \n y \n").articles.count == 2)
    }

    @Test func textBeforeTheFirstTitle() throws {
        let title = " \n = T = \n \n x \n"
        #expect(articles(try wikiText("\n \n" + title)) == ["\n \n" + title])
        #expect(articles(try wikiText(" words \n" + title)) == [" words \n", title])
        #expect(articles(try wikiText(" = T = \n \n x \n")) == [" = T = \n \n x \n"])
        #expect(articles(try wikiText(" no title \n")) == [" no title \n"])
        #expect(articles(try wikiText(" = A = \n \n = B = ")) == [" = A = \n", " \n = B = "])
    }

    @Test func articlesAreTheWholeText() throws {
        let text = try wikiText(
            String(decoding: EmbeddedCorpus(seed: 9, byteCount: 30_000).bytes(), as: UTF8.self))
        #expect(text.articles.flatMap { text.bytes[$0] } == text.bytes)
    }

    @Test func wordsByKind() throws {
        let bytes = Array(" = T = \n \n one\u{A0}two\u{2003}three\tfour \n last".utf8)
        func words(_ kind: Text.Kind) throws -> Int {
            try Text(bytes: bytes, name: "t", kind: kind).wordCount
        }
        #expect(try words(.plain) == 8)
        #expect(try words(.wikiTextRaw) == 8)
        #expect(try words(.wikiTextTokens) == 8 + 3)
    }

    @Test func kindByName() {
        #expect(Text.Kind(fileName: "a/wiki.train.tokens") == .wikiTextTokens)
        #expect(Text.Kind(fileName: "a/wiki.train.raw") == .wikiTextRaw)
        #expect(Text.Kind(fileName: "a/tokens.txt") == .plain)
    }

    @Test func plainTextIsOneArticle() throws {
        let text = try plainText(" \n = A = \n \n x \n \n = B = \n \n y")
        #expect(text.articles == [0..<text.byteCount])
    }

    @Test(arguments: [
        ([0x61, 0x0A, 0x62, 0xFF], 3, 2),
        ([0x61, 0xC3], 1, 1),
        ([0x0A, 0x0A, 0xC0, 0x80], 2, 3),
        ([0x61, 0xED, 0xA0, 0x80], 1, 1),
        ([0x61, 0xE6, 0x9D, 0x0A, 0x61], 1, 1),
        ([0xF5, 0x80, 0x80, 0x80], 0, 1),
    ] as [([UInt8], Int, Int)])
    func invalidUTF8(bytes: [UInt8], offset: Int, line: Int) throws {
        #expect(throws: CorpusError.invalidUTF8(path: "bad.txt", offset: offset, line: line)) {
            try Text(bytes: bytes, name: "bad.txt", kind: .plain)
        }
    }

    @Test func unusableFiles() throws {
        let directory = try TemporaryDirectory()
        let missing = directory.file("missing.txt")
        let error = #expect(throws: CorpusError.self) { try Text(contentsOf: missing) }
        #expect("\(try #require(error))" == "\(missing): cannot read: No such file or directory")
        #expect(throws: CorpusError.self) { try Text(contentsOf: directory.path) }
        for blank in ["", "\n \n", "\u{3000}"] {
            let path = try directory.write(blank, to: "blank.txt")
            #expect(throws: CorpusError.emptyText(path: path)) { try Text(contentsOf: path) }
        }
    }
}
