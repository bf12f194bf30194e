/// Unicode's normal form C (Unicode Standard Annex 15): what can be one character is one, marks are in their order.
///
/// Bytes that are not UTF-8 stay as they are; nothing composes with them. The same as Hugging Face's normaliser, whose
/// tables are Unicode 9's: marks that came later keep their places.
///
/// - Parameter text: UTF-8.
/// - Returns: Nil where the text is in that form already.
func canonicallyComposed(_ text: Span<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var (copied, start) = (0, 0)
    // Line by line: nothing composes with a line's end, and most lines hold nothing to compose.
    while start < text.count {
        var (end, mayChange) = (start, false)
        while end < text.count && text[end] != UInt8(ascii: "\n") {
            // Characters below U+0300, whose first byte is 0xCC, stay as they are when none above is near.
            if text[end] >= 0xCC, !mayChange, let scalar = text.scalar(at: end).scalar {
                mayChange = CanonicalComposition.mayChange(scalar)
            }
            end += 1
        }
        if mayChange {
            for i in copied..<start { result.append(text[i]) }
            CanonicalComposition.append(text.extracting(start..<end), to: &result)
            copied = end
        }
        start = end + 1
    }
    guard copied > 0 else { return nil }
    for i in copied..<text.count { result.append(text[i]) }
    return result
}

private enum CanonicalComposition {
    /// Whether text with this character may not be in the normal form (`NFC_Quick_Check` is not Yes).
    static func mayChange(_ scalar: UInt32) -> Bool { scalar < tables.changing.count && tables.changing[Int(scalar)] }

    /// Appends the normal form of a line.
    static func append(_ line: Span<UInt8>, to result: inout [UInt8]) {
        var composed: [UInt32] = []
        // Where the last character of class 0 stands, and the class of what was put behind it last.
        var (starter, lastClass): (Int?, UInt8) = (nil, 0)
        for scalar in decomposed(line) {
            let combiningClass = tables.combiningClass(scalar)
            if let starter, lastClass == 0 || lastClass < combiningClass, let one = compose(composed[starter], scalar) {
                composed[starter] = one
                continue
            }
            if combiningClass == 0 { starter = composed.count }
            lastClass = combiningClass
            composed.append(scalar)
        }
        for scalar in composed {
            if let scalar = Unicode.Scalar(scalar) {
                result += UTF8.encode(scalar)!
            } else {
                result.append(UInt8(scalar & 0xFF))
            }
        }
    }

    /// What no scalar is, with a byte that is not UTF-8 in the low bits.
    private static let noScalar: UInt32 = 1 << 31

    /// The line's characters decomposed, marks ordered by their classes.
    private static func decomposed(_ line: Span<UInt8>) -> [UInt32] {
        var scalars: [UInt32] = []
        var position = 0
        while position < line.count {
            let (scalar, length) = line.scalar(at: position)
            if let scalar {
                appendDecomposed(scalar, to: &scalars)
            } else {
                scalars.append(noScalar | UInt32(line[position]))
            }
            position += length
        }
        return scalars
    }

    private static func appendDecomposed(_ scalar: UInt32, to scalars: inout [UInt32]) {
        if let syllable = Hangul.parts(scalar) {
            scalars += syllable
        } else if let (first, second) = tables.decompositions[scalar] {
            appendDecomposed(first, to: &scalars)
            if let second { appendDecomposed(second, to: &scalars) }
        } else {
            let combiningClass = tables.combiningClass(scalar)
            var place = scalars.count
            while combiningClass > 0, place > 0, tables.combiningClass(scalars[place - 1]) > combiningClass { place -= 1 }
            scalars.insert(scalar, at: place)
        }
    }

    private static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        Hangul.compose(first, second) ?? tables.compositions[UInt64(first) << 32 | UInt64(second)]
    }

    private static let tables = Tables()

    private struct Tables: Sendable {
        private(set) var decompositions: [UInt32: (UInt32, UInt32?)] = [:]
        private(set) var compositions: [UInt64: UInt32] = [:]
        /// Marks, second parts of compositions, and characters that are never composed, by scalar.
        private(set) var changing: [Bool]
        private var classes: [UInt8]

        init() {
            let marks = UnicodeCompositions.classes
            classes = [UInt8](repeating: 0, count: Int(marks[marks.count - 2]) + 1)
            for i in stride(from: 0, to: marks.count, by: 3) {
                for scalar in marks[i]...marks[i + 1] { classes[Int(scalar)] = UInt8(marks[i + 2]) }
            }
            changing = [Bool](repeating: false, count: 0x30000)
            for scalar in classes.indices where classes[scalar] > 0 { changing[scalar] = true }
            for scalar in Hangul.seconds { changing[scalar] = true }
            for (list, composes) in [(UnicodeCompositions.pairs, true), (UnicodeCompositions.decompositions, false)] {
                for i in stride(from: 0, to: list.count, by: 3) {
                    decompositions[list[i]] = (list[i + 1], list[i + 2])
                    if composes { compositions[UInt64(list[i + 1]) << 32 | UInt64(list[i + 2])] = list[i] }
                    changing[Int(composes ? list[i + 2] : list[i])] = true
                }
            }
            let runs = UnicodeCompositions.singles
            var i = 0
            while i < runs.count {
                let count = Int(runs[i + 1])
                for j in 0..<count {
                    decompositions[runs[i] + UInt32(j)] = (runs[i + 2 + j], nil)
                    changing[Int(runs[i]) + j] = true
                }
                i += 2 + count
            }
        }

        func combiningClass(_ scalar: UInt32) -> UInt8 { scalar < classes.count ? classes[Int(scalar)] : 0 }
    }
}

/// Syllables by arithmetic (The Unicode Standard, section 3.12).
private enum Hangul {
    private static let leads: UInt32 = 0x1100, vowels: UInt32 = 0x1161, tails: UInt32 = 0x11A7, syllables: UInt32 = 0xAC00
    private static let leadCount: UInt32 = 19, vowelCount: UInt32 = 21, tailCount: UInt32 = 28

    /// Vowels and tails.
    static let seconds = 0x1161..<0x11C3

    static func parts(_ scalar: UInt32) -> [UInt32]? {
        let index = scalar &- syllables
        guard index < leadCount * vowelCount * tailCount else { return nil }
        let tail = index % tailCount, pair = index / tailCount
        return [leads + pair / vowelCount, vowels + pair % vowelCount] + (tail > 0 ? [tails + tail] : [])
    }

    static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        let lead = first &- leads, vowel = second &- vowels
        if lead < leadCount && vowel < vowelCount { return syllables + (lead * vowelCount + vowel) * tailCount }
        let index = first &- syllables, tail = second &- tails
        guard index < leadCount * vowelCount * tailCount, index % tailCount == 0, tail > 0, tail < tailCount else { return nil }
        return first + tail
    }
}
