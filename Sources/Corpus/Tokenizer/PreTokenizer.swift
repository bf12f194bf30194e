/// Cuts text into the pieces that BPE merges within.
///
/// Scanners for the patterns in use, which are regular expressions where they come from.
struct PreTokenizer: Sendable {
    /// How text is cut.
    enum Rule: Sendable {
        /// GPT-2's pattern (Radford et al. 2019),
        /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
        case words
        /// Every number's digit is a piece; what stands between is cut by GPT-2's pattern, as in SmolLM2.
        case wordsAndDigits
        /// Llama 3's pattern, `WordsWithSigns.llama3`: up to three digits are a piece.
        case llama3
        /// Qwen2's pattern, `WordsWithSigns.qwen2`: every digit is a piece.
        case qwen2
    }

    private let rule: Rule
    private let classes: [CharacterClass]

    init(_ rule: Rule) {
        self.rule = rule
        classes = rule == .wordsAndDigits ? CharacterClass.tableOfDigits : CharacterClass.table
    }

    /// The end of the piece that starts at `start`, `start < end ≤ text.count`.
    func endOfPiece(in text: Span<UInt8>, from start: Int) -> Int {
        switch rule {
        case .words: endOfWord(in: text, from: start, digitsStandAlone: false)
        case .wordsAndDigits: endOfWord(in: text, from: start, digitsStandAlone: true)
        case .llama3: WordsWithSigns(classes: classes, mostDigits: 3).endOfPiece(in: text, from: start)
        case .qwen2: WordsWithSigns(classes: classes, mostDigits: 1).endOfPiece(in: text, from: start)
        }
    }

    /// By GPT-2's pattern; digits that stand alone are to the text around them what its ends are.
    @inline(__always)
    private func endOfWord(in text: Span<UInt8>, from start: Int, digitsStandAlone: Bool) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = endOfContraction(in: text, from: start) {
            return end
        }
        var (kind, length) = text.character(at: start, classes: classes)
        var position = start + length
        if digitsStandAlone && kind == .number { return position }
        if first == UInt8(ascii: " "), position < text.count {
            // ` ?`: one space joins the run of letters, numbers or others behind it.
            let next = text.character(at: position, classes: classes)
            if next.kind != .space && !(digitsStandAlone && next.kind == .number) {
                kind = next.kind
                position += next.length
            }
        }
        var lastLength = length
        var isBeforeDigit = false
        while position < text.count {
            let next = text.character(at: position, classes: classes)
            guard next.kind == kind else {
                isBeforeDigit = digitsStandAlone && next.kind == .number
                break
            }
            lastLength = next.length
            position += next.length
        }
        // `\s+(?!\S)`: white space before a word leaves its last character to that word,
        // unless there is only one.
        if kind == .space, position < text.count, !isBeforeDigit, position - lastLength > start {
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
