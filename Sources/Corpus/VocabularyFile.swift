import Foundation

/// The special token that ends an article.
let endOfTextName = "<|endoftext|>"

/// A checked `encoder.json`: one JSON object from a token's spelling to its id.
struct VocabularyFile {
    /// Spellings, numbered by id.
    private(set) var names = WordTable()
    /// The bytes of every token.
    private(set) var tokens = TokenBytes()
    /// The id of each of the 256 bytes.
    private(set) var byteTokens: [UInt16] = []
    let endOfText: UInt16

    var count: Int { names.count }

    /// Throws `malformedTokenizer`.
    init(_ content: [UInt8], name: String) throws(CorpusError) {
        func malformed(_ problem: String) -> CorpusError {
            .malformedTokenizer(path: name, problem: problem)
        }
        let ids: [String: Int]
        do {
            ids = try JSONDecoder().decode([String: Int].self, from: Data(content))
        } catch DecodingError.typeMismatch(_, let context) where !context.codingPath.isEmpty {
            throw malformed("the id of \"\(context.codingPath[0].stringValue)\" is not an integer")
        } catch {
            throw malformed("not a JSON object from tokens to integer ids")
        }
        guard ids.count <= ByteLevelBPE.largestVocabulary else {
            throw malformed(
                "\(ids.count) entries; ids of 16 bits allow \(ByteLevelBPE.largestVocabulary)")
        }
        for (id, entry) in ids.sorted(by: { $0.value < $1.value }).enumerated() {
            guard entry.value == id else {
                let shared = ids.filter { $0.value == entry.value }.keys.sorted()
                guard shared.count == 1 else {
                    throw malformed(
                        "\"\(shared[0])\" and \"\(shared[1])\" have the same id, \(entry.value)")
                }
                throw malformed(
                    entry.value < 0
                        ? "\"\(entry.key)\" has the id \(entry.value); ids start at 0"
                        : "no entry has the id \(id); ids must run from 0 without a gap")
            }
            _ = names.insert(Array(entry.key.utf8).span)
            // A name outside the byte alphabet can only be a special token, which stands for itself.
            tokens.append(ByteAlphabet.bytes(entry.key) ?? Array(entry.key.utf8))
        }
        for (byte, character) in ByteAlphabet.characters.enumerated() {
            guard let id = names.find(Array(String(character).utf8).span) else {
                throw malformed("no entry for byte \(byte), spelled \"\(character)\"")
            }
            byteTokens.append(UInt16(id))
        }
        guard let end = names.find(Array(endOfTextName.utf8).span) else {
            throw malformed("no entry for \(endOfTextName)")
        }
        endOfText = UInt16(end)
    }
}
