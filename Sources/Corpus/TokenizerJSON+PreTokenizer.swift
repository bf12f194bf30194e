import JSON

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
