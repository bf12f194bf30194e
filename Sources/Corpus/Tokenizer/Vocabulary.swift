import JSON

/// The tokens of a tokenizer, checked: ids run from 0 without a gap, no name comes twice.
struct Vocabulary: Sendable {
    /// A token as a file names it.
    struct Entry {
        var name: String
        var id: Int
        /// Whether it stands beside the vocabulary that merges make, and its name is its text.
        var isAdded = false
    }

    /// The bytes of every token, by id.
    private(set) var tokens = TokenBytes()
    /// Number of tokens.
    let count: Int
    /// Spellings of the tokens that merges make, with the id of each.
    private var names = WordTable()
    private var ids: [Int32] = []

    /// - Parameters:
    ///   - entries: All tokens, in any order.
    ///   - name: What messages call the file.
    /// - Throws: `malformedTokenizer`.
    init(_ entries: [Entry], name: String) throws(CorpusError) {
        func malformed(_ problem: String) -> CorpusError { .malformedTokenizer(path: name, problem: problem) }
        guard entries.count <= ByteLevelBPE.largestVocabulary else {
            throw malformed("\(entries.count) entries; a vocabulary has \(ByteLevelBPE.largestVocabulary) at most")
        }
        for (id, entry) in entries.sorted(by: { $0.id < $1.id }).enumerated() {
            guard entry.id == id else {
                let shared = entries.filter { $0.id == entry.id }.map(\.name).sorted()
                guard shared.count == 1 else {
                    throw malformed("\(quoted(shared[0])) and \(quoted(shared[1])) have the same id, \(entry.id)")
                }
                throw malformed(
                    entry.id < 0
                        ? "\(quoted(entry.name)) has the id \(entry.id); ids start at 0"
                        : "no entry has the id \(id); ids must run from 0 without a gap")
            }
            let spelling = Array(entry.name.utf8)
            guard !entry.isAdded else {
                tokens.append(spelling)
                continue
            }
            guard names.insert(spelling.span).isNew else { throw malformed("the token \(quoted(entry.name)) comes twice") }
            ids.append(Int32(id))
            // A name outside the byte alphabet can only be a special token, which stands for itself.
            tokens.append(ByteAlphabet.bytes(entry.name) ?? spelling)
        }
        count = entries.count
    }

    /// The id of the token spelled so in the byte alphabet, or nil.
    func id(of spelling: Span<UInt8>) -> Int32? { names.find(spelling).map { ids[$0] } }

    /// The same of a name.
    func id(of name: String) -> Int32? { id(of: Array(name.utf8).span) }

    /// The id of each of the 256 bytes; nil where it is no token.
    var byteTokens: [Int32?] { ByteAlphabet.characters.map { id(of: String($0)) } }

    /// Tokens by their bytes, with the id of each: those that are spelled in the byte alphabet.
    func words() -> (table: WordTable, ids: [Int32]) {
        var table = WordTable(), found: [Int32] = []
        for number in 0..<names.count {
            let spelling = String(decoding: names.bytes[names.range(of: number)], as: UTF8.self)
            guard let bytes = ByteAlphabet.bytes(spelling), table.insert(bytes.span).isNew else { continue }
            found.append(ids[number])
        }
        return (table, found)
    }
}

extension JSONReader {
    /// Reads an object from tokens to their ids, all its members in order.
    mutating func tokenIDs() throws(Fault) -> [Vocabulary.Entry] {
        var entries: [Vocabulary.Entry] = []
        try object { reader, name throws(Fault) in
            guard try reader.kind() == .number, let id = Int(try reader.number()) else {
                throw Fault("the id of \(quoted(name)) is not an integer")
            }
            entries.append(Vocabulary.Entry(name: name, id: id))
        }
        return entries
    }
}

/// The bytes of every token, by id.
struct TokenBytes: Sendable {
    private var storage: [UInt8] = []
    private var ends: [Int] = []

    mutating func append(_ bytes: [UInt8]) {
        storage += bytes
        ends.append(storage.count)
    }

    subscript(id: Int) -> ArraySlice<UInt8> { storage[(id == 0 ? 0 : ends[id - 1])..<ends[id]] }
}
