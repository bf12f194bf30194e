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
