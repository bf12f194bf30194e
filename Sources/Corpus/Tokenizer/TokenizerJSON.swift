import JSON

/// The parts of a `tokenizer.json` as they stand in the file: JSON that has the right form, no more.
private struct TokenizerParts {
    /// All but the model.
    var members: [String: JSONValue] = [:]
    /// The model without its two long parts.
    var model: [String: JSONValue] = [:]
    /// Nil where the vocabulary is no object.
    var vocabulary: [Vocabulary.Entry]?
    /// Nil where there is no such list.
    var merges: [(left: [UInt8], right: [UInt8])]?

    init(_ content: [UInt8]) throws(Fault) {
        var reader = try JSONReader(content), hasModel = false
        var parts = self.members, model: [String: JSONValue] = [:]
        var vocabulary: [Vocabulary.Entry]?, merges: [(left: [UInt8], right: [UInt8])]?
        guard try reader.kind() == .object else { throw Fault("not a JSON object") }
        try reader.object { reader, key throws(Fault) in
            let kind = try reader.kind()
            guard key == "model", kind == .object else {
                guard parts.updateValue(try reader.value(), forKey: key) == nil else { throw Fault.repeated(key) }
                return
            }
            guard !hasModel else { throw Fault.repeated(key) }
            hasModel = true
            try reader.object { reader, key throws(Fault) in
                var value = JSONValue.null
                let kind = try reader.kind()
                if key == "vocab", kind == .object {
                    vocabulary = try reader.tokenIDs()
                } else if key == "merges", kind == .array {
                    merges = try reader.merges()
                } else {
                    value = try reader.value()
                }
                guard model.updateValue(value, forKey: key) == nil else { throw Fault.repeated(key) }
            }
        }
        try reader.end()
        guard hasModel else { throw Fault("no object \"model\"") }
        (members, self.model, self.vocabulary, self.merges) = (parts, model, vocabulary, merges)
    }
}

extension JSONReader {
    /// Reads a list of merges, each a string of two tokens with a space between, or an array of the two.
    fileprivate mutating func merges() throws(Fault) -> [(left: [UInt8], right: [UInt8])] {
        var merges: [(left: [UInt8], right: [UInt8])] = []
        try array { reader throws(Fault) in
            var parts: [[UInt8]] = []
            switch try reader.kind() {
            case .string:
                let text = Array(try reader.string().utf8)
                parts = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
            case .array:
                try reader.array { reader throws(Fault) in
                    // What is no string is no token.
                    if case .string(let part) = try reader.value() { parts.append(Array(part.utf8)) } else { parts.append([]) }
                }
            default: _ = try reader.value()
            }
            guard parts.count == 2 else { throw MergeTable.numbered(merges.count, MergeTable.notAPair) }
            merges.append((parts[0], parts[1]))
        }
        return merges
    }
}

extension MergeTable {
    /// What is wrong with the merge of that index.
    fileprivate static func numbered(_ index: Int, _ fault: Fault) -> Fault {
        Fault("model.merges: number \(index + 1): \(fault.problem)")
    }
}

extension TokenizerModel {
    /// From a `tokenizer.json` of byte-level BPE, as Hugging Face's tokenizers saves it.
    ///
    /// The text of special tokens is text like any other, as for its `encode_special_tokens`; its post-processor, which
    /// adds special tokens around a text (Llama 3's puts `<|begin_of_text|>` before it), its truncation and its padding
    /// say nothing of the text's own tokens, and are not read.
    ///
    /// - Parameters:
    ///   - content: The file's bytes.
    ///   - name: What messages call it.
    /// - Throws: `malformedTokenizer`; `unsupportedTokenizer`, naming what asks for another kind of tokenizer.
    init(tokenizerJSON content: [UInt8], name: String) throws(CorpusError) {
        func malformed(_ problem: String) -> CorpusError { .malformedTokenizer(path: name, problem: problem) }
        let parts: TokenizerParts
        do {
            parts = try TokenizerParts(content)
        } catch {
            throw malformed(error.problem)
        }
        let file = TokenizerObject(name: name, place: "", members: parts.members)
        let model = TokenizerObject(name: name, place: "model", members: parts.model)
        try model.requireByteLevelBPE(hasMerges: parts.merges != nil)
        let normalizesToNFC = try file.normalizesToNFC()
        let preTokenizer = PreTokenizer(try file.preTokenizerRule())
        guard var entries = parts.vocabulary else { throw malformed("model.vocab: not an object") }
        guard let pairs = parts.merges else { throw malformed("model.merges: not a list") }

        let added = try file.addedTokens(beside: &entries)
        let vocabulary = try Vocabulary(entries, name: name)
        guard pairs.count <= MergeTable.most else { throw malformed("more merges than \(MergeTable.most)") }
        var merges = MergeTable(capacity: pairs.count)
        for (index, pair) in pairs.enumerated() {
            do {
                try merges.append(pair.left, pair.right, in: vocabulary)
            } catch {
                throw malformed(MergeTable.numbered(index, error).problem)
            }
        }
        let merger = WordMerger(
            byteTokens: try model.byteTokens(vocabulary), merges: merges,
            wholeWords: try model.flag("ignore_merges", default: false) ? vocabulary.words() : nil)
        let marks = SpecialTokens(added, vocabulary)
        self.init(
            vocabulary: vocabulary, merger: merger, preTokenizer: preTokenizer, normalizesToNFC: normalizesToNFC,
            added: AddedTokens(added, normalizesToNFC: normalizesToNFC), endOfText: try marks.endOfText(name: name),
            startOfText: marks.startOfText)
    }
}

extension TokenizerObject {
    private static let knownModel = "byte-level BPE"

    fileprivate func requireByteLevelBPE(hasMerges: Bool) throws(CorpusError) {
        // Files of the first versions do not name the type; BPE alone has merges.
        let type = try text("type")
        guard type == "BPE" || type == nil && hasMerges else { throw unsupported("type", known: Self.knownModel) }
        guard try !flag("byte_fallback", default: false) else {
            throw unsupported("byte_fallback", known: Self.knownModel + ", which has no tokens to fall back on")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] where try text(key) ?? "" != "" {
            throw unsupported(key, known: Self.knownModel)
        }
        if let dropout = value("dropout") {
            guard case .number(let digits) = dropout, let share = Double(digits) else {
                throw malformed("dropout", "\(dropout) is not a number")
            }
            guard share == 0 else { throw unsupported("dropout", known: "merges that are all applied") }
        }
    }

    /// The id of each byte. A byte without a token becomes the unknown token if there is one, and −1, nothing, if there
    /// is none.
    fileprivate func byteTokens(_ vocabulary: Vocabulary) throws(CorpusError) -> [Int32] {
        let tokens = vocabulary.byteTokens
        guard tokens.contains(where: { $0 != nil }) else {
            throw malformed("vocab", "no entry for any byte, spelled as byte-level BPE spells them")
        }
        var unknown: Int32 = -1
        if tokens.contains(nil), let name = try text("unk_token") {
            guard let id = vocabulary.id(of: name) else {
                throw malformed("unk_token", "\(quoted(name)) is not in the vocabulary")
            }
            guard try !flag("fuse_unk", default: false) else {
                throw unsupported("fuse_unk", known: "an unknown token for every byte that has none")
            }
            unknown = id
        }
        return tokens.map { $0 ?? unknown }
    }

    fileprivate func normalizesToNFC() throws(CorpusError) -> Bool {
        guard let value = value("normalizer") else { return false }
        var steps = [try TokenizerObject(name: name, place: "normalizer", value)]
        if try steps[0].text("type") == "Sequence" { steps = try steps[0].objects("normalizers") }
        for step in steps where try step.text("type") != "NFC" {
            throw step.unsupported("type", known: "none or NFC")
        }
        return !steps.isEmpty
    }
}

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

extension TokenizerObject {
    private static let known = "GPT-2's, SmolLM2's, Llama 3's or Qwen2's pre-tokenizer"

    /// How a `tokenizer.json` cuts text: GPT-2's `ByteLevel`; `Digits` before it, as in SmolLM2; or a `Split` by Llama 3's or
    /// Qwen2's pattern before a `ByteLevel` that cuts no more.
    ///
    /// - Throws: `malformedTokenizer`; `unsupportedTokenizer` for any other.
    func preTokenizerRule() throws(CorpusError) -> PreTokenizer.Rule {
        guard let value = value("pre_tokenizer") else { throw unsupported("pre_tokenizer", known: Self.known) }
        var steps = [try TokenizerObject(name: name, place: "pre_tokenizer", value)]
        if try steps[0].text("type") == "Sequence" { steps = try steps[0].objects("pretokenizers") }
        guard let last = steps.last, steps.count <= 2 else {
            throw unsupported("pre_tokenizer", .string("Sequence of \(steps.count)"), known: Self.known)
        }
        guard try last.text("type") == "ByteLevel" else { throw last.unsupported("type", known: Self.known) }
        guard try !last.flag("add_prefix_space", default: true) else {
            throw last.unsupported("add_prefix_space", .boolean(true), known: "no space put before a text")
        }
        let cutsWords = try last.flag("use_regex", default: true)
        guard steps.count == 2, let first = steps.first else {
            guard cutsWords else { throw last.unsupported("use_regex", known: Self.known) }
            return .words
        }
        switch try first.text("type") {
        case "Digits":
            guard try first.flag("individual_digits", default: false) else {
                throw first.unsupported("individual_digits", .boolean(false), known: "digits that stand alone")
            }
            guard cutsWords else { throw last.unsupported("use_regex", known: Self.known) }
            return .wordsAndDigits
        case "Split":
            guard !cutsWords else { throw last.unsupported("use_regex", .boolean(true), known: Self.known) }
            return try first.splitRule()
        default:
            throw first.unsupported("type", known: Self.known)
        }
    }

    /// Of a `Split`.
    private func splitRule() throws(CorpusError) -> PreTokenizer.Rule {
        guard try text("behavior") == "Isolated" else { throw unsupported("behavior", known: "Isolated") }
        guard try !flag("invert", default: false) else { throw unsupported("invert", known: "false") }
        let rules: [String: PreTokenizer.Rule] = [WordsWithSigns.llama3: .llama3, WordsWithSigns.qwen2: .qwen2]
        guard case .object(let pattern)? = value("pattern"), case .string(let text)? = pattern["Regex"],
            let rule = rules[text]
        else {
            var shown = value("pattern")
            if case .object(let pattern)? = shown, let only = pattern.values.first { shown = only }
            throw unsupported("pattern", shown, known: "Llama 3's or Qwen2's pattern")
        }
        return rule
    }
}
