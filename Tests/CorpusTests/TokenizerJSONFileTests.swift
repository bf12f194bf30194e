import Corpus
import Foundation
import Testing

/// A tokenizer.json is what someone else wrote: what is wrong with it, or is not run here, is one line.
struct TokenizerJSONFileTests {
    /// Changes to the text of a golden file, and the whole message.
    private func refuse(
        in kind: String = "gpt2", _ old: String, _ new: String, _ message: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let text = String(decoding: try TokenizerJSONTests.content(kind), as: UTF8.self)
        #expect(text.contains(old), sourceLocation: sourceLocation)
        let range = try #require(text.range(of: old))
        refuse(text.replacingCharacters(in: range, with: new), message, sourceLocation: sourceLocation)
    }

    private func refuse(_ text: String, _ message: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: CorpusError.self, sourceLocation: sourceLocation) {
            try ByteLevelBPE(TokenizerFiles(.tokenizerJSON, [Array(text.utf8)]))
        }
        let found = error.map { "\($0)" } ?? ""
        #expect(found == "tokenizer.json: " + message, sourceLocation: sourceLocation)
        #expect(!found.contains("\n"), sourceLocation: sourceLocation)
    }

    @Test func otherModelsAreRefusedByName() throws {
        let known = " is not supported; choose a tokenizer with byte-level BPE"
        for type in ["Unigram", "WordPiece", "WordLevel"] {
            try refuse("\"type\": \"BPE\"", "\"type\": \"\(type)\"", "model.type: \"\(type)\"" + known)
        }
        refuse(#"{"model": {"type": "Unigram", "vocab": [["a", -1.5]]}}"#, "model.type: \"Unigram\"" + known)
        refuse(#"{"model": {"vocab": {"a": 0}}}"#, "model.type: null" + known)
        try refuse("\"byte_fallback\": false", "\"byte_fallback\": true",
            "model.byte_fallback: true is not supported; choose a tokenizer with byte-level BPE, which has no tokens to fall "
                + "back on")
        try refuse("\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", "model.end_of_word_suffix: \"</w>\"" + known)
        try refuse("\"dropout\": null", "\"dropout\": 0.1",
            "model.dropout: 0.1 is not supported; choose a tokenizer with merges that are all applied")
    }

    @Test func otherPreTokenizersAndNormalizersAreRefusedByName() throws {
        let known = " is not supported; choose a tokenizer with GPT-2's, SmolLM2's, Llama 3's or Qwen2's pre-tokenizer"
        try refuse("\"type\": \"ByteLevel\"", "\"type\": \"Metaspace\"", "pre_tokenizer.type: \"Metaspace\"" + known)
        try refuse("\"use_regex\": true", "\"use_regex\": false", "pre_tokenizer.use_regex: false" + known)
        try refuse("\"add_prefix_space\": false", "\"add_prefix_space\": true",
            "pre_tokenizer.add_prefix_space: true is not supported; choose a tokenizer with no space put before a text")
        try refuse(in: "smollm2", "\"individual_digits\": true", "\"individual_digits\": false",
            "pre_tokenizer.pretokenizers[0].individual_digits: false is not supported; choose a tokenizer with digits that "
                + "stand alone")
        try refuse(in: "smollm2", "\"type\": \"Digits\"", "\"type\": \"Whitespace\"",
            "pre_tokenizer.pretokenizers[0].type: \"Whitespace\"" + known)
        try refuse(in: "llama3", "{1,3}", "{1,4}",
            #"pre_tokenizer.pretokenizers[0].pattern: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,4}| "#
                + #"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+" is not supported; choose a tokenizer with Llama 3's "#
                + "or Qwen2's pattern")
        try refuse(in: "llama3", "\"Isolated\"", "\"Removed\"",
            "pre_tokenizer.pretokenizers[0].behavior: \"Removed\" is not supported; choose a tokenizer with Isolated")
        try refuse("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}",
            "normalizer.type: \"Lowercase\" is not supported; choose a tokenizer with none or NFC")
        try refuse("\"pre_tokenizer\": {", "\"pre_tokenizer\": null, \"was\": {", "pre_tokenizer: null" + known)
    }

    @Test func whatIsDamaged() throws {
        refuse("", "not JSON: no value; it ends too early")
        refuse("[]", "not a JSON object")
        refuse("{\"model\": 3}", "no object \"model\"")
        refuse("{\"model\": {\"type\": \"BPE\", \"vocab\": [], \"merges\": []}, \"pre_tokenizer\": 3}",
            "pre_tokenizer: 3 is not an object")
        try refuse("\"version\": \"1.0\",", "\"version\": \"1.0\", \"version\": 1,", "the key \"version\" comes twice")
        try refuse("\"ignore_merges\": false", "\"ignore_merges\": 3", "model.ignore_merges: 3 is neither true nor false")
        try refuse("\"A\": 32", "\"A\": \"x\"", "the id of \"A\" is not an integer")
        try refuse("\"A\": 32", "\"A\": 1e9", "the id of \"A\" is not an integer")
        try refuse("\"A\": 32", "\"A\": 33", "\"A\" and \"B\" have the same id, 33")
        try refuse("\"A\": 32", "\"A\": -1", "\"A\" has the id -1; ids start at 0")
        try refuse("\"A\": 32", "\"A\": 5000000", "no entry has the id 32; ids must run from 0 without a gap")
        try refuse("\"A\": 32", "\"A\": 32, \"A\": 401", "the token \"A\" comes twice")
        try refuse("\"B\": 33", "\"B\\u0000\\n\\u001b\": 32", "\"A\" and \"B\\u{0}\\u{a}\\u{1b}\" have the same id, 32")
    }

    @Test func mergesOfUnknownTokensAndTheirForm() throws {
        let text = String(decoding: try TokenizerJSONTests.content("gpt2"), as: UTF8.self)
        let start = try #require(text.range(of: "\"merges\": [")).upperBound
        let first = try #require(text[start...].split(separator: "\"", maxSplits: 2).dropFirst().first)
        func with(_ merge: String, _ problem: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
            refuse(text.replacing("\"\(first)\"", with: merge, maxReplacements: 1), "model.merges: number 1: " + problem,
                sourceLocation: sourceLocation)
        }
        let form = "a merge is two tokens with one space between them"
        try with("\"qq z\"", "\"qq\" is not in the vocabulary")
        try with("[\"q\", \"z\"]", "\"qz\" is not in the vocabulary")
        try with("\"abc\"", form)
        try with("\"a b c\"", form)
        try with("[\"a\"]", form)
        try with("[\"a\", 3]", form)
        try with("3", form)
        refuse(text.replacing("\"\(first)\"", with: "\"\(first)\",\"\(first)\"", maxReplacements: 1),
            "model.merges: number 2: the same merge as number 1")
        refuse(text.replacing("\"merges\": [", with: "\"merges\": 3, \"was\": [", maxReplacements: 1), "model.merges: not a list")
    }

    @Test func addedTokensAreChecked() throws {
        try refuse("\"id\": 400", "\"id\": 402", "no entry has the id 400; ids must run from 0 without a gap")
        try refuse("\"id\": 400", "\"id\": 5", "\"&\" and \"<|endoftext|>\" have the same id, 5")
        try refuse("\"id\": 400", "\"id\": \"x\"", "added_tokens[0].id: \"x\" is not a whole number")
        try refuse("\"id\": 400,", "", "added_tokens[0].id: missing")
        try refuse("\"content\": \"<|endoftext|>\"", "\"content\": \"\"", "added_tokens[0].content: missing")
        try refuse(in: "smollm2", "\"id\": 0", "\"id\": 7",
            "added_tokens[0].id: 7, where the vocabulary has 0 for \"<|endoftext|>\"")
        try refuse(in: "smollm2", "\"<|im_start|>\"", "\"<|endoftext|>\"", "added_tokens[1].content: \"<|endoftext|>\" comes twice")
        try refuse("\"special\": true", "\"special\": 1", "added_tokens[0].special: 1 is neither true nor false")
        try refuse(in: "qwen2", "\"lstrip\": false,\n   \"rstrip\": false,\n   \"normalized\": false,\n   \"special\": false",
            "\"lstrip\": true, \"normalized\": false, \"special\": false",
            "added_tokens[3].lstrip: true is not supported; choose a tokenizer with added tokens that are their text alone")
    }

    @Test func aTokenMustEndATextAndBytesMustHaveTokens() throws {
        let text = String(decoding: try TokenizerJSONTests.content("llama3"), as: UTF8.self)
        refuse(
            text.replacing("<|end_of_text|>", with: "<|one|>").replacing("<|eot_id|>", with: "<|two|>"),
            "no special token ends a text; it takes one of <|endoftext|>, <|end_of_text|>, <｜end▁of▁sentence｜>, </s>, <eos>, "
                + "<|eos|>, [EOS], <|im_end|>, <|eot_id|>, or the only one")
        let only = String(decoding: try TokenizerJSONTests.content("gpt2"), as: UTF8.self)
            .replacing("<|endoftext|>", with: "<|one|>")
        #expect(try ByteLevelBPE(TokenizerFiles(.tokenizerJSON, [Array(only.utf8)])).endOfTextName == "<|one|>")
        refuse(
            #"{"model": {"vocab": {"é": 0}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}}"#
                .replacing("é", with: "東"),
            "model.vocab: no entry for any byte, spelled as byte-level BPE spells them")
    }

    /// Damage of every kind is refused or harmless, never a trap.
    @Test func anyDamageIsAnErrorOrAnotherTokenizer() throws {
        let good = try TokenizerJSONTests.content("llama3")
        var random = RepeatedRandom(seed: 2)
        for _ in 0..<2000 {
            var bytes = good
            let place = Int(random.next() % UInt64(bytes.count))
            switch random.next() % 4 {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + Int(random.next() % 40)))
            case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + Int(random.next() % 40))], at: place)
            default: bytes.removeLast(bytes.count - place)
            }
            guard let tokenizer = try? ByteLevelBPE(TokenizerFiles(.tokenizerJSON, [bytes])) else { continue }
            let ids = tokenizer.encode("The river 's 12345 <|eot_id|>\n\n x")
            #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
        }
    }
}
