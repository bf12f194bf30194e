import Corpus
import Testing

struct ByteLevelBPETests {
    let tokenizer: ByteLevelBPE

    init() throws { tokenizer = try smallTokenizer(vocabularySize: 1000) }

    @Test func anyBytesComeBack() throws {
        var random = SystemRandomNumberGenerator()
        for length in [0, 1, 2, 3, 17, 96, 97, 1000, 20_000] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(try tokenizer.decode(tokenizer.encode(bytes)) == bytes)
        }
    }

    @Test func endOfTextInTextIsText() throws {
        let ids = tokenizer.encode("a <|endoftext|> b")
        #expect(!ids.contains(tokenizer.endOfText))
        #expect(try tokenizer.decode([tokenizer.endOfText]) == Array("<|endoftext|>".utf8))
    }

    @Test func unknownIdsAreRefused() {
        #expect(throws: CorpusError.unknownToken(id: 1000, vocabularySize: 1000)) {
            try tokenizer.decode([0, 1000])
        }
    }

    /// Pieces are merged by one of two algorithms, by length; the shorter repeats what the longer must give.
    @Test func runsWithoutABreakMergeLikeShortOnes() {
        let run = tokenizer.encode(String(repeating: "theriver", count: 1000))
        let unit = tokenizer.encode(String(repeating: "theriver", count: 10))
        #expect(Array(run.prefix(unit.count - 8)) == Array(unit.dropLast(8)))
    }

    @Test func threadsGetTheSameIds() async {
        let tokenizer = tokenizer
        let text = EmbeddedCorpus(seed: 8, byteCount: 50_000).bytes()
        let expected = tokenizer.encode(text)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { tokenizer.encode(text) == expected } }
            for await same in group { #expect(same) }
        }
    }

    @Test func theCacheStartsAnewWhenFull() throws {
        // More distinct words than the cache holds (16 MiB), then one seen before and one not.
        let letters = Array("qzxvjkwy".utf8)
        var text: [UInt8] = []
        for i in 0..<350_000 {
            text.append(UInt8(ascii: " "))
            for place in 0..<50 { text.append(letters[i >> (3 * (place % 7)) & 7]) }
        }
        let last = Array(text.prefix(51)) + Array(" the river".utf8)
        let ids = tokenizer.encode(text + last)
        let fresh = try smallTokenizer(vocabularySize: 1000).encode(last)
        #expect(Array(ids.suffix(fresh.count)) == fresh)
    }
}

struct BPETrainerTests {
    @Test func sizeIsExactlyAsAsked() throws {
        for size in [257, 258, 300, 1000] {
            let tokenizer = try smallTokenizer(vocabularySize: size)
            #expect(tokenizer.vocabularySize == size)
            #expect(Int(tokenizer.endOfText) == size - 1)
        }
    }

    @Test func sizesThatCannotBe() throws {
        let text = try plainText("a a a")
        for size in [-1, 0, 256, 1 << 20 + 1] {
            #expect(throws: CorpusError.vocabularySize(asked: size)) {
                try BPETrainer.train(on: text, vocabularySize: size)
            }
        }
    }

    @Test func aTextTooSmallSaysWhatItGives() throws {
        // " abc" three times: " a", "b c", " abc" in some order, and nothing more.
        let text = try plainText(" abc abc abc")
        #expect(
            throws: CorpusError.textTooSmallForVocabulary(
                path: "test text", asked: 4096, largest: 260)
        ) {
            try BPETrainer.train(on: text, vocabularySize: 4096)
        }
        #expect(try BPETrainer.train(on: text, vocabularySize: 260).encode(" abc") == [258])
    }

    @Test func equalCountsGoByLowerIds() throws {
        let tokenizer = try BPETrainer.train(on: plainText("zy\nba\nzy\nba"), vocabularySize: 258)
        #expect(String(decoding: tokenizer.files.contents[1], as: UTF8.self) == "#version: 0.2\nb a\n")
    }

    @Test func piecesDoNotMergeAcrossArticles() throws {
        // " \n" would be one piece across the border: "\n" ends one article and " " starts the next.
        let article = " \n = T = \n \n x \n"
        let text = try Text(
            bytes: Array(String(repeating: article, count: 50).utf8), name: "t", kind: .wikiTextRaw)
        #expect(text.articles.count == 50)
        let tokenizer = try BPETrainer.train(on: text, vocabularySize: 261)
        let pieces = (257..<260).map { try? tokenizer.decode([Int32($0)]) }
        #expect(!pieces.contains(Array("\n ".utf8)))
    }
}
