import JSON

/// A token that `added_tokens` of a `tokenizer.json` lists.
struct AddedToken {
    var content: String
    var id: Int
    /// Whether it marks a text's structure and is no part of it.
    var isSpecial: Bool
    /// Whether it is looked for in normalised text.
    var isNormalized: Bool
}

extension TokenizerObject {
    /// The tokens that the file adds, which join the vocabulary's entries where they are not among them.
    ///
    /// - Throws: `malformedTokenizer`; `unsupportedTokenizer` for a token in ordinary text that takes spaces with it or must
    ///   be a word of its own.
    func addedTokens(beside entries: inout [Vocabulary.Entry]) throws(CorpusError) -> [AddedToken] {
        let ids = Dictionary(entries.map { (Array($0.name.utf8), $0.id) }, uniquingKeysWith: { first, _ in first })
        var tokens: [AddedToken] = [], seen: Set<[UInt8]> = []
        for object in try objects("added_tokens") {
            let isSpecial = try object.flag("special", default: false), id = try object.integer("id")
            guard let content = try object.text("content"), !content.isEmpty else {
                throw object.malformed("content", "missing")
            }
            guard seen.insert(Array(content.utf8)).inserted else {
                throw object.malformed("content", "\(quoted(content)) comes twice")
            }
            for key in ["single_word", "lstrip", "rstrip"] where try object.flag(key, default: false) && !isSpecial {
                throw object.unsupported(key, known: "added tokens that are their text alone")
            }
            if let known = ids[Array(content.utf8)] {
                guard known == id else {
                    throw object.malformed("id", "\(id), where the vocabulary has \(known) for \(quoted(content))")
                }
            } else {
                entries.append(Vocabulary.Entry(name: content, id: id, isAdded: true))
            }
            tokens.append(
                AddedToken(
                    content: content, id: id, isSpecial: isSpecial,
                    isNormalized: try object.flag("normalized", default: !isSpecial)))
        }
        return tokens
    }
}

extension AddedTokens {
    init(_ tokens: [AddedToken], normalizesToNFC: Bool) {
        func literals(isNormalized: Bool) -> LiteralTokens {
            LiteralTokens(
                tokens.filter { $0.isNormalized == isNormalized }.map { token in
                    let content = Array(token.content.utf8)
                    // A token that is looked for in normalised text is normalised too.
                    let normalized = isNormalized && normalizesToNFC ? canonicallyComposed(content.span) : nil
                    return LiteralTokens.Literal(bytes: normalized ?? content, id: token.isSpecial ? nil : Int32(token.id))
                })
        }
        self.init(
            beforeNormalization: literals(isNormalized: false), afterNormalization: literals(isNormalized: true))
    }
}
