/// Cuts text into the pieces that BPE merges within.
///
/// A scanner for GPT-2's pattern (Radford et al. 2019),
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
struct PreTokenizer: Sendable {
    private let classes = CharacterClass.table

    /// The end of the piece that starts at `start`, `start < end ≤ text.count`.
    func endOfPiece(in text: Span<UInt8>, from start: Int) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = endOfContraction(in: text, from: start) {
            return end
        }
        var (kind, length) = text.character(at: start, classes: classes)
        var position = start + length
        if first == UInt8(ascii: " "), position < text.count {
            // ` ?`: one space joins the run of letters, numbers or others behind it.
            let next = text.character(at: position, classes: classes)
            if next.kind != .space {
                kind = next.kind
                position += next.length
            }
        }
        var lastLength = length
        while position < text.count {
            let next = text.character(at: position, classes: classes)
            guard next.kind == kind else { break }
            lastLength = next.length
            position += next.length
        }
        // `\s+(?!\S)`: white space before a word leaves its last character to that word,
        // unless there is only one.
        if kind == .space, position < text.count, position - lastLength > start {
            return position - lastLength
        }
        return position
    }

    private func endOfContraction(in text: Span<UInt8>, from start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        let next = text[start + 1]
        switch next {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
            return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
            let last = next == UInt8(ascii: "l") ? next : UInt8(ascii: "e")
            return start + 2 < text.count && text[start + 2] == last ? start + 3 : nil
        default:
            return nil
        }
    }
}
