/// Cuts text as Llama 3 and Qwen2 do: a sign or a space may lead a word, and signs keep the line ends behind them.
///
/// A scanner for the two patterns below, which differ in how many digits are a piece.
struct WordsWithSigns {
    /// Llama 3's pattern, letter for letter.
    static let llama3 = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"#
        + #"\s*[\r\n]+|\s+(?!\S)|\s+"#
    /// Qwen2's, letter for letter.
    static let qwen2 = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"#
        + #"\s*[\r\n]+|\s+(?!\S)|\s+"#

    let classes: [CharacterClass]
    /// Digits that a piece may have.
    let mostDigits: Int

    /// The end of the piece that starts at `start`, `start < end ≤ text.count`.
    func endOfPiece(in text: Span<UInt8>, from start: Int) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = endOfContraction(in: text, from: start) { return end }
        let (kind, length) = text.character(at: start, classes: classes)
        let next = start + length
        switch kind {
        case .letter: return endOfRun(of: .letter, in: text, from: next)
        case .number:
            var (end, digits) = (next, 1)
            while digits < mostDigits, end < text.count {
                let character = text.character(at: end, classes: classes)
                guard character.kind == .number else { break }
                (end, digits) = (end + character.length, digits + 1)
            }
            return end
        case .other:
            // `[^\r\n\p{L}\p{N}]?\p{L}+`
            if next < text.count, text.character(at: next, classes: classes).kind == .letter {
                return endOfRun(of: .letter, in: text, from: next)
            }
            return endOfSigns(in: text, from: next)
        case .space:
            guard !Self.isLineEnd(first), next < text.count else { return endOfSpaces(in: text, from: start) }
            let following = text.character(at: next, classes: classes).kind
            if following == .letter { return endOfRun(of: .letter, in: text, from: next) }
            if following == .other && first == UInt8(ascii: " ") { return endOfSigns(in: text, from: next) }
            return endOfSpaces(in: text, from: start)
        }
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last line end of the run; without one, all but the last character where a
    /// word follows, unless there is only one.
    private func endOfSpaces(in text: Span<UInt8>, from start: Int) -> Int {
        var (position, lastLength) = (start, 0)
        var endOfLine: Int?
        while position < text.count {
            let character = text.character(at: position, classes: classes)
            guard character.kind == .space else { break }
            lastLength = character.length
            position += lastLength
            if Self.isLineEnd(text[position - lastLength]) { endOfLine = position }
        }
        if let endOfLine { return endOfLine }
        return position < text.count && position - lastLength > start ? position - lastLength : position
    }

    /// `[^\s\p{L}\p{N}]+[\r\n]*`, from behind its first character or before it.
    private func endOfSigns(in text: Span<UInt8>, from start: Int) -> Int {
        var position = endOfRun(of: .other, in: text, from: start)
        while position < text.count, Self.isLineEnd(text[position]) { position += 1 }
        return position
    }

    private func endOfRun(of kind: CharacterClass, in text: Span<UInt8>, from start: Int) -> Int {
        var position = start
        while position < text.count {
            let character = text.character(at: position, classes: classes)
            guard character.kind == kind else { break }
            position += character.length
        }
        return position
    }

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`; without regard to case, ſ is an s too.
    private func endOfContraction(in text: Span<UInt8>, from start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        // In lower case.
        func letter(_ place: Int) -> UInt8 { place < text.count ? text[place] | 0x20 : 0 }
        switch letter(start + 1) {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
            return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"):
            return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
        case UInt8(ascii: "l"):
            return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
        default:
            // U+017F.
            let isLongS = start + 2 < text.count && text[start + 1] == 0xC5 && text[start + 2] == 0xBF
            return isLongS ? start + 3 : nil
        }
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
}
