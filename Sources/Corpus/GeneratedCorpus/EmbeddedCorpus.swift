import Files

/// Text to train on where no corpus is given: generated articles in WikiText's shape.
///
/// Every article introduces people, places, dates and things in its first paragraphs and names them again,
/// word for word, in its sections, up to two thousand words later; names are made up per article, so that
/// only attention to what was read can tell them. More than two hundred sentence patterns and word lists make the rest.
/// The same seed and size give the same bytes on every machine.
public struct EmbeddedCorpus: Sendable {
    /// Different seeds give different articles.
    public let seed: UInt64
    /// The least size in bytes; the text ends with the article that reaches it.
    public let byteCount: Int

    /// The corpus of that seed, of at least so many bytes.
    public init(seed: UInt64, byteCount: Int) {
        self.seed = seed
        self.byteCount = byteCount
    }

    /// What training reads by default: about 1.5 MB.
    public static let training = EmbeddedCorpus(seed: 1, byteCount: 1_500_000)
    /// What validation reads by default: about 150 KB, of other articles.
    public static let validation = EmbeddedCorpus(seed: 2, byteCount: 150_000)

    /// The text, at least one article of it, spaced and marked as WikiText's `.tokens` are.
    public func bytes() -> [UInt8] {
        var random = SplitMix64(seed: seed)
        var text: [UInt8] = []
        text.reserveCapacity(byteCount + 20_000)
        repeat {
            var article = ArticleGenerator(random: SplitMix64(seed: random.next()))
            text += article.generate().utf8
        } while text.count < byteCount
        return text
    }

    /// Writes the text to `path`, whose name should end in `.tokens` to be read as WikiText.
    ///
    /// - Throws: `file`.
    public func write(to path: String) throws(CorpusError) {
        try CorpusError.naming { () throws(FileError) in try ReplacementFile.write(bytes(), to: path) }
    }
}

/// Writes one article: fixes its facts, then fills sentence patterns with them and with chance.
struct ArticleGenerator {
    private var random: SplitMix64
    private let subject: ArticleSubject
    private let facts: ArticleFacts
    /// Patterns that fit any section, in the order in which this article uses them.
    private var remarks: [String]

    init(random: SplitMix64) {
        var random = random
        subject = random.pick(ArticleSubject.all)
        facts = ArticleFacts(subject: subject, random: &random)
        remarks = ArticlePatterns.remarks
        random.shuffle(&remarks)
        self.random = random
    }

    /// The article, from the blank line before its title to the one before the next.
    mutating func generate() -> String {
        var text = " \n = \(facts["name"]!) = \n \n"
        text += paragraph(subject.lead)
        // Its last sections tell about the subject's afterlife, whatever it is.
        var sections = subject.sections
        random.shuffle(&sections)
        sections.removeLast(random.next(below: sections.count))
        sections += ArticlePatterns.closingSections.prefix(random.next(in: 1...2))
        for section in sections {
            text += " \n = = \(section.heading) = = \n \n"
            var patterns = section.patterns
            random.shuffle(&patterns)
            patterns.removeLast(random.next(below: 3))
            for _ in 0..<min(random.next(below: 6), remarks.count) {
                patterns.insert(remarks.removeLast(), at: random.next(in: 1...patterns.count))
            }
            while !patterns.isEmpty {
                let length = min(random.next(in: 3...6), patterns.count)
                text += paragraph(Array(patterns.prefix(length)))
                patterns.removeFirst(length)
            }
        }
        return text + " \n"
    }

    private mutating func paragraph(_ patterns: [String]) -> String {
        var sentences: [String] = []
        for pattern in patterns { sentences.append(sentence(pattern)) }
        return " \(sentences.joined(separator: " ")) \n"
    }

    /// The pattern with its `{slots}` filled and its first letter capital.
    private mutating func sentence(_ pattern: String) -> String {
        let text = filled(pattern)
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    /// Facts of the article come first; other slots draw from the word lists, whose entries may have slots too.
    private mutating func filled(_ pattern: String) -> String {
        var words: [String] = []
        for word in pattern.split(separator: " ") {
            guard word.first == "{", word.last == "}" else {
                words.append(String(word))
                continue
            }
            let slot = String(word.dropFirst().dropLast())
            words.append(facts[slot] ?? drawn(slot))
        }
        return words.joined(separator: " ")
    }

    private mutating func drawn(_ slot: String) -> String {
        switch slot {
        case "few": return String(random.next(in: 3...19))
        case "dozens": return String(random.next(in: 20...98))
        case "hundreds": return String(random.next(in: 12...98) * 10)
        case "thousands":
            let hundreds = random.next(below: 10)
            return "\(random.next(in: 1...48)) @,@ \(hundreds)00"
        case "decimal": return "\(random.next(in: 1...40)) @.@ \(random.next(in: 1...9))"
        default:
            guard let list = WordLists.all[slot] else {
                preconditionFailure("the pattern slot {\(slot)} has no word list")
            }
            return filled(random.pick(list))
        }
    }
}
