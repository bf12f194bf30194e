#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The documents of a text: what stands between the lines that are exactly `<|endoftext|>`.
struct Documents {
    /// Byte ranges in order, blank ones among them; they hold everything but the separators' lines.
    private(set) var ranges: [Range<Int>] = []
    /// Lines taken as ends of documents.
    private(set) var separators = 0

    /// The whole text as one document.
    init(whole text: Span<UInt8>) { ranges = [0..<text.count] }

    /// Cut at every separator. The line's end, `\n` or `\r\n`, is part of it; the last line needs none.
    init(of text: Span<UInt8>) {
        var (start, position) = (0, 0)
        while let found = findEndOfText(in: text, from: position) {
            position = found + endOfTextName.utf8.count
            guard found == 0 || text[found - 1] == UInt8(ascii: "\n"),
                let next = Self.startOfLine(in: text, behind: position)
            else { continue }
            ranges.append(start..<found)
            separators += 1
            (start, position) = (next, next)
        }
        ranges.append(start..<text.count)
    }

    /// Where the next line starts if nothing but a line's end stands at `position`, otherwise nil.
    private static func startOfLine(in text: Span<UInt8>, behind position: Int) -> Int? {
        var end = position
        if end < text.count && text[end] == UInt8(ascii: "\r") { end += 1 }
        if end == text.count { return end }
        return text[end] == UInt8(ascii: "\n") ? end + 1 : nil
    }
}

/// Where `<|endoftext|>` first stands at or after `position`.
func findEndOfText(in text: Span<UInt8>, from position: Int = 0) -> Int? {
    let name = Array(endOfTextName.utf8)
    // The C library looks for the bar, at many bytes a cycle: texts are long, and bars in them rarer than `<`.
    let bar = 1
    return text.bytes.withUnsafeBytes { text in
        guard let start = text.baseAddress else { return nil }
        var place = position + bar
        while place < text.count, let next = memchr(start + place, Int32(name[bar]), text.count - place) {
            place = UnsafeRawPointer(next) - start
            let first = place - bar
            if first + name.count <= text.count, memcmp(start + first, name, name.count) == 0 { return first }
            place += 1
        }
        return nil
    }
}
