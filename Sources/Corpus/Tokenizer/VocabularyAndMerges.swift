import JSON

/// The special token that ends an article in GPT-2's vocabulary, and in texts.
let endOfTextName = "<|endoftext|>"

extension TokenizerModel {
    /// From `encoder.json`, one object from a token's spelling to its id, and `vocab.bpe`: after a version line one merge a
    /// line, best first, two tokens with a space between.
    ///
    /// - Parameters:
    ///   - encoder: The content of `encoder.json`.
    ///   - merges: The content of `vocab.bpe`.
    ///   - names: What messages call the two.
    /// - Throws: `malformedTokenizer`, for a merge with the number of its line.
    init(encoder: [UInt8], merges: [UInt8], names: [String]) throws(CorpusError) {
        let vocabulary = try readVocabulary(encoder, name: names[0])
        func malformed(_ problem: String) -> CorpusError { .malformedTokenizer(path: names[0], problem: problem) }
        var byteTokens: [Int32] = []
        for (byte, id) in vocabulary.byteTokens.enumerated() {
            guard let id else {
                throw malformed("no entry for byte \(byte), spelled \"\(ByteAlphabet.characters[byte])\"")
            }
            byteTokens.append(id)
        }
        guard let end = vocabulary.id(of: endOfTextName) else { throw malformed("no entry for \(endOfTextName)") }
        self.init(
            vocabulary: vocabulary,
            merger: WordMerger(
                byteTokens: byteTokens, merges: try readMerges(merges, name: names[1], vocabulary: vocabulary)),
            preTokenizer: PreTokenizer(.words), normalizesToNFC: false, added: AddedTokens(),
            endOfText: (endOfTextName, end), startOfText: nil)
    }
}

private func readVocabulary(_ content: [UInt8], name: String) throws(CorpusError) -> Vocabulary {
    let entries: [Vocabulary.Entry]
    do {
        var reader = try JSONReader(content)
        entries = try reader.tokenIDs()
        try reader.end()
    } catch {
        throw .malformedTokenizer(
            path: name, problem: "not a JSON object from tokens to integer ids: \(error.problem)")
    }
    return try Vocabulary(entries, name: name)
}

private func readMerges(
    _ content: [UInt8], name: String, vocabulary: Vocabulary
) throws(CorpusError) -> MergeTable {
    let lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    var merges = MergeTable(capacity: min(lines.count, MergeTable.most))
    for (index, wholeLine) in lines.enumerated() {
        // Files written on Windows end their lines with a carriage return.
        let line = wholeLine.last == UInt8(ascii: "\r") ? wholeLine.dropLast() : wholeLine
        if index == 0 && line.starts(with: "#version".utf8) { continue }
        if line.isEmpty && index == lines.count - 1 { continue }
        do throws(Fault) {
            let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw MergeTable.notAPair }
            try merges.append(Array(parts[0]), Array(parts[1]), in: vocabulary)
        } catch {
            throw .malformedTokenizer(path: name, problem: "line \(index + 1): \(error.problem)")
        }
    }
    return merges
}

/// The two files of a trained vocabulary, as GPT-2's are written.
///
/// Ids: the 256 bytes in the order of GPT-2's alphabet, the merges in order, `<|endoftext|>` last. tiktoken
/// checks this very numbering.
struct VocabularyWriter {
    private(set) var encoder: [UInt8] = []
    private(set) var merges: [UInt8] = []

    /// `merges`: pairs of ids, best first; number i makes the token 256 + i.
    init(merges pairs: [(left: Int32, right: Int32)]) {
        var names = ByteAlphabet.order.map { String(ByteAlphabet.characters[Int($0)]) }
        var lines = "#version: 0.2\n"
        for (left, right) in pairs {
            lines += "\(names[Int(left)]) \(names[Int(right)])\n"
            names.append(names[Int(left)] + names[Int(right)])
        }
        names.append(endOfTextName)
        let entries = names.enumerated().map { id, name in "\"\(Self.escaped(name))\": \(id)" }
        encoder = Array("{\(entries.joined(separator: ", "))}".utf8)
        merges = Array(lines.utf8)
    }

    /// A JSON string's content in ASCII.
    private static func escaped(_ name: String) -> String {
        var text = ""
        for character in name.unicodeScalars {
            switch character {
            case "\"", "\\": text += "\\\(character)"
            case "!"..."~": text.unicodeScalars.append(character)
            default:
                let digits = String(character.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return text
    }
}
