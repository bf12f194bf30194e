/// What the files of a tokenizer say, checked: all that encoding and decoding need.
struct TokenizerModel: Sendable {
    let vocabulary: Vocabulary
    let merger: WordMerger
    let preTokenizer: PreTokenizer
    /// Whether text is brought into Unicode's normal form C first.
    let normalizesToNFC: Bool
    let added: AddedTokens
    /// The token that ends a text.
    let endOfText: (name: String, id: Int32)
    /// The token that starts one; nil where there is none.
    let startOfText: (name: String, id: Int32)?
}

extension TokenizerModel {
    /// Reads a tokenizer's files.
    ///
    /// - Parameters:
    ///   - files: What was read.
    ///   - place: What messages put before a file's name, such as a directory and a slash.
    /// - Throws: `malformedTokenizer` and `unsupportedTokenizer`.
    init(_ files: TokenizerFiles, place: String) throws(CorpusError) {
        let names = files.format.names.map { place + $0 }
        switch files.format {
        case .gpt2, .vocabularyAndMerges:
            try self.init(encoder: files.contents[0], merges: files.contents[1], names: names)
        case .tokenizerJSON:
            try self.init(tokenizerJSON: files.contents[0], name: names[0])
        }
    }
}
