/// The four kinds of character that GPT-2's pre-tokenization tells apart.
enum CharacterClass: UInt8 {
    /// None of the others; what is not valid UTF-8 counts here too.
    case other
    /// `\p{L}`
    case letter
    /// `\p{N}`
    case number
    /// `\s`, the property White_Space
    case space

    /// The class of every scalar below `tableEnd`; all from there on are `other`.
    static let table: [CharacterClass] = {
        var table = [CharacterClass](repeating: .other, count: tableEnd)
        func mark(_ bounds: [UInt32], _ kind: CharacterClass) {
            for i in stride(from: 0, to: bounds.count, by: 2) {
                for scalar in bounds[i]...bounds[i + 1] { table[Int(scalar)] = kind }
            }
        }
        mark(UnicodeRanges.letters, .letter)
        mark(UnicodeRanges.numbers, .number)
        mark(UnicodeRanges.spaces, .space)
        return table
    }()

    /// The same with the numbers of Unicode 17 too, which Hugging Face's `Digits` knows and its regular expressions do not.
    static let tableOfDigits: [CharacterClass] = {
        var digits = table
        for scalar in Array(0x11DE0...0x11DE9) + Array(0x16FF4...0x16FF6) { digits[scalar] = .number }
        return digits
    }()

    private static let tableEnd = Int(
        max(UnicodeRanges.letters.last!, UnicodeRanges.numbers.last!, UnicodeRanges.spaces.last!)) + 1
}

extension Span<UInt8> {
    /// The class and length in bytes of the character at `position`.
    ///
    /// A byte that starts no valid UTF-8 sequence is one character of class `other`.
    @inline(__always)
    func character(
        at position: Int, classes: [CharacterClass]
    ) -> (kind: CharacterClass, length: Int) {
        let first = self[position]
        if first < 0x80 { return (classes[Int(first)], 1) }
        let (scalar, length) = scalar(at: position)
        guard let scalar else { return (.other, 1) }
        return (Int(scalar) < classes.count ? classes[Int(scalar)] : .other, length)
    }

    /// The character at `position` and its length in bytes; nil and 1 for a byte that starts no valid UTF-8 sequence.
    func scalar(at position: Int) -> (scalar: UInt32?, length: Int) {
        let first = self[position]
        if first < 0x80 { return (UInt32(first), 1) }
        let length =
            switch first {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 1
            }
        guard length > 1, position + length <= count else { return (nil, 1) }
        var scalar = UInt32(first) & (0x7F >> UInt32(length))
        for i in 1..<length {
            let byte = self[position + i]
            guard byte & 0xC0 == 0x80 else { return (nil, 1) }
            scalar = scalar << 6 | UInt32(byte & 0x3F)
        }
        let smallest: UInt32 = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000
        guard scalar >= smallest, Unicode.Scalar(scalar) != nil else { return (nil, 1) }
        return (scalar, length)
    }
}
