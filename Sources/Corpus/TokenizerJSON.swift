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
