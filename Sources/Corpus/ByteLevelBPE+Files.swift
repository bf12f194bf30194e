extension ByteLevelBPE {
    /// From a directory with `encoder.json` and `vocab.bpe`, `tokenizer.json`, or `vocab.json` and `merges.txt`.
    ///
    /// The first of these that is there; but where a `tokenizer.json` is of a kind that is not supported and `vocab.json`
    /// and `merges.txt` stand beside it, these are taken, and text is cut as GPT-2 cuts it.
    ///
    /// - Parameter directory: Its path as the system takes it: `~` is not expanded, `..` follows links.
    /// - Throws: `file`, `malformedTokenizer` and `unsupportedTokenizer`.
    public convenience init(directory: String) throws(CorpusError) {
        let formats = TokenizerFiles.formats(in: directory), place = "\(directory)/"
        guard let format = formats.first else {
            throw CorpusError.malformedTokenizer(
                path: directory,
                problem: "no tokenizer here; it takes encoder.json and vocab.bpe, vocab.json and merges.txt, "
                    + "or tokenizer.json")
        }
        do {
            try self.init(TokenizerFiles(format, in: directory), place: place)
        } catch {
            guard case .unsupportedTokenizer = error, formats.count > 1 else { throw error }
            try self.init(TokenizerFiles(formats[1], in: directory), place: place)
        }
    }

    /// Writes the files that define the tokenizer into `directory`, byte for byte, and removes files of other formats.
    ///
    /// tiktoken and Hugging Face read these files and give the same ids.
    /// - Parameter directory: Its path as the system takes it; it is made if it is not there.
    /// - Throws: `file`.
    public func save(to directory: String) throws(CorpusError) { try files.write(to: directory) }
}
