extension ByteLevelBPE {
    /// The names of the two files, in order of preference: GPT-2's own, then Hugging Face's.
    private static let fileNames = [("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt")]

    /// From a directory with `encoder.json` and `vocab.bpe`, or `vocab.json` and `merges.txt`.
    ///
    /// Throws `file` and `malformedTokenizer`.
    public convenience init(directory: String) throws(CorpusError) {
        func path(_ name: String) -> String { "\(directory)/\(name)" }
        let pair = Self.fileNames.first { fileExists(path($0.0)) || fileExists(path($0.1)) }
        guard let (encoder, merges) = pair else {
            throw CorpusError.malformedTokenizer(
                path: directory,
                problem: "no tokenizer here; it takes encoder.json and vocab.bpe, "
                    + "or vocab.json and merges.txt")
        }
        try self.init(
            encoderFile: readFile(path(encoder)), mergesFile: readFile(path(merges)),
            encoderName: path(encoder), mergesName: path(merges))
    }

    /// Writes `encoder.json` and `vocab.bpe` into `directory`, which is made if it is not there.
    ///
    /// tiktoken and Hugging Face read these files and give the same ids.
    /// - Parameter directory: Its path as the system takes it: `~` is not expanded, `..` follows links.
    /// - Throws: `file`.
    public func save(to directory: String) throws(CorpusError) {
        try makeDirectory(directory)
        try ReplacementFile.write(encoderFile, to: "\(directory)/encoder.json")
        try ReplacementFile.write(mergesFile, to: "\(directory)/vocab.bpe")
    }
}
