import Files

/// Writes a shard article by article; it takes its name when it is whole.
struct ShardWriter: ~Copyable {
    private var file: ReplacementFile
    private(set) var count = 0
    /// Tokens not yet in the file: an article may be a few words, too little for a call to the system.
    private var pending: [Int32] = []
    private let width: TokenWidth

    private static let mostPending = 1 << 18

    /// - Parameters:
    ///   - path: Where the shard is to be.
    ///   - vocabularySize: What its tokens are below.
    init(_ path: String, vocabularySize: Int) throws(CorpusError) {
        let width = TokenWidth(vocabularySize: vocabularySize)
        self.width = width
        file = try CorpusError.naming { () throws(FileError) in
            var file = try ReplacementFile(path)
            try file.append(Self.header(tokens: 0, width).span.bytes)
            return file
        }
    }

    mutating func append(_ tokens: [Int32]) throws(CorpusError) {
        guard count + tokens.count <= Int(Int32.max) else {
            throw .file(
                FileError(
                    "write", file.path, reason: "a shard holds \(Int32.max) tokens at most", remedy: "; split the text",
                    for: .writing))
        }
        pending += tokens
        count += tokens.count
        if pending.count >= Self.mostPending { try flush() }
    }

    private mutating func flush() throws(CorpusError) {
        let tokens = pending
        pending = []
        try CorpusError.naming { () throws(FileError) in
            if width == .two {
                let narrow = tokens.map { UInt16($0) }
                try file.append(narrow.span.bytes)
            } else {
                try file.append(tokens.span.bytes)
            }
        }
    }

    /// Writes the count, then puts shard and sidecar in place.
    mutating func commit(sidecar: ShardSidecar) throws(CorpusError) {
        try flush()
        try CorpusError.naming { () throws(FileError) in
            try file.overwrite(Self.header(tokens: count, width).span.bytes, at: 0)
            // A new shard beside an old sidecar would pass for the old one: for a moment there is none.
            try removeFile(ShardSidecar.path(ofShard: file.path))
            try file.commit()
        }
        try sidecar.write(forShard: file.path)
    }

    private static func header(tokens: Int, _ width: TokenWidth) -> [Int32] {
        var fields = [Int32](repeating: 0, count: Shard.headerFields)
        fields[0] = Shard.magic
        fields[1] = width.version
        fields[2] = Int32(tokens)
        return fields
    }
}

/// How many bytes a shard's tokens take, which its version says.
enum TokenWidth: Sendable {
    /// uint16: version 1.
    case two
    /// uint32: version 2.
    case four

    /// The narrowest that numbers a vocabulary.
    init(vocabularySize: Int) { self = vocabularySize <= 1 << 16 ? .two : .four }

    /// Nil for a version that there is not.
    init?(version: Int32) {
        switch version {
        case 1: self = .two
        case 2: self = .four
        default: return nil
        }
    }

    var version: Int32 { self == .two ? 1 : 2 }
    var bytes: Int { self == .two ? 2 : 4 }
}
