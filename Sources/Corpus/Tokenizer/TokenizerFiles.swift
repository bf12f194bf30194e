import Files

/// The files that define a tokenizer, by their names, as they were read.
public struct TokenizerFiles: Equatable, Sendable {
    /// Which files they are.
    public enum Format: String, CaseIterable, Sendable {
        /// `encoder.json` and `vocab.bpe`, as GPT-2's were published.
        case gpt2
        /// `vocab.json` and `merges.txt`: the same two by the names of Hugging Face's transformers up to version 4.
        case vocabularyAndMerges
        /// `tokenizer.json`: everything in one file, as Hugging Face's tokenizers saves it.
        case tokenizerJSON

        /// The files' names, in the order of `contents`.
        public var names: [String] {
            switch self {
            case .gpt2: ["encoder.json", "vocab.bpe"]
            case .vocabularyAndMerges: ["vocab.json", "merges.txt"]
            case .tokenizerJSON: ["tokenizer.json"]
            }
        }
    }

    /// Which files they are.
    public let format: Format
    /// The bytes of each file.
    public let contents: [[UInt8]]

    /// - Parameters:
    ///   - format: Which files they are.
    ///   - contents: The bytes of each, as many as the format has names.
    public init(_ format: Format, _ contents: [[UInt8]]) {
        precondition(contents.count == format.names.count, "\(contents.count) files where \(format.names) are expected")
        self.format = format
        self.contents = contents
    }

    /// Each file's name with its bytes.
    public var named: [(name: String, bytes: [UInt8])] { Array(zip(format.names, contents)) }

    /// The same under another format's names, between the two formats of a vocabulary and its merges.
    ///
    /// - Returns: Itself where the formats hold other things.
    public func renamed(_ format: Format) -> TokenizerFiles {
        contents.count == format.names.count ? TokenizerFiles(format, contents) : self
    }
}

extension TokenizerFiles {
    /// The formats whose files a directory has, the one to prefer first.
    ///
    /// GPT-2's own files, then `tokenizer.json`, which knows how text is cut, then `vocab.json` and `merges.txt`.
    static func formats(in directory: String) -> [Format] {
        [.gpt2, .tokenizerJSON, .vocabularyAndMerges].filter { format in
            format.names.contains { fileExists("\(directory)/\($0)") }
        }
    }

    /// Reads a format's files.
    ///
    /// - Throws: `file`.
    init(_ format: Format, in directory: String) throws(CorpusError) {
        let contents = try CorpusError.naming { () throws(FileError) in
            var contents: [[UInt8]] = []
            for name in format.names { contents.append(try readFile("\(directory)/\(name)")) }
            return contents
        }
        self.init(format, contents)
    }

    /// Writes the files byte for byte, and removes those of other formats, so that what is there is this tokenizer.
    ///
    /// - Parameter directory: Its path as the system takes it; it is made if it is not there.
    /// - Throws: `file`.
    func write(to directory: String) throws(CorpusError) {
        try CorpusError.naming { () throws(FileError) in
            try makeDirectory(directory)
            for (name, bytes) in named { try ReplacementFile.write(bytes, to: "\(directory)/\(name)") }
            for format in Format.allCases where format != self.format {
                for name in format.names { try removeFile("\(directory)/\(name)") }
            }
        }
    }
}

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
