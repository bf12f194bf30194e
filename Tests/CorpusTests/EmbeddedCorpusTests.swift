import Corpus
import Testing

struct EmbeddedCorpusTests {
    private func text(_ corpus: EmbeddedCorpus) throws -> Text {
        try Text(bytes: corpus.bytes(), name: "embedded.tokens", kind: .wikiTextTokens)
    }

    private func articles(_ text: Text) -> [String] {
        text.articles.map { String(decoding: text.bytes[$0], as: UTF8.self) }
    }

    private func title(_ article: String) -> String {
        String(article.split(separator: "\n")[1])
    }

    @Test func theBytesAreTheSameEverywhere() throws {
        #expect(
            try text(.training).hash
                == "0dbcb622d0c33e22afe3eb7c109935f7ff2d475af2fa3ad231bea443ed611e94")
        #expect(
            try text(.validation).hash
                == "14327d2ff756cb1f07dbf89dbc94e1cb2febade98056a5d6f9239912d9c0e4b9")
    }

    @Test func sizesAreReachedAndNotMuchExceeded() throws {
        for size in [0, 1, 10_000, 100_000] {
            let bytes = EmbeddedCorpus(seed: 3, byteCount: size).bytes()
            #expect(bytes.count >= size && bytes.count < size + 15_000)
        }
    }

    @Test func articlesAreInWikiTextsShape() throws {
        let articles = try articles(text(.training))
        #expect(articles.count > 200)
        for article in articles {
            let words = article.split(whereSeparator: \.isWhitespace).count
            #expect((300...2000).contains(words))
            let lines = article.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines[0] == " " && lines[1].hasPrefix(" = ") && lines[1].hasSuffix(" = "))
            #expect(lines.filter { $0.hasPrefix(" = = ") && $0.hasSuffix(" = = ") }.count >= 2)
            #expect(lines.dropLast().allSatisfy { $0.hasPrefix(" ") && $0.hasSuffix(" ") })
            #expect(!article.contains("{") && !article.contains("}") && !article.contains("  "))
        }
    }

    /// Names made up for an article come back in its second half: there is something to attend to.
    @Test func namesReturnFarLater() throws {
        let articles = try articles(text(.validation))
        for article in articles {
            let words = article.split(separator: " ").map(String.init)
            let lead = Set(words.prefix(120).filter { $0.count > 4 && $0.first!.isUppercase })
            let later = Set(words.suffix(words.count / 2))
            #expect(lead.intersection(later).count >= 4, "\(title(article))")
        }
    }

    @Test func validationIsNotInTraining() throws {
        let training = Set(try articles(text(.training)))
        #expect(try articles(text(.validation)).allSatisfy { !training.contains($0) })
        #expect(EmbeddedCorpus(seed: 1, byteCount: 1).bytes() != EmbeddedCorpus(seed: 2, byteCount: 1).bytes())
    }

    @Test func aVocabularyOf4096CanBeTrained() throws {
        let text = try text(.training)
        let tokenizer = try BPETrainer.train(on: text, vocabularySize: 4096)
        let ids = tokenizer.encode(text.bytes)
        #expect(Set(ids).count > 2500)
        #expect(try tokenizer.decode(ids) == text.bytes)
    }
}
