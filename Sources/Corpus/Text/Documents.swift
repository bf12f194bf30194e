#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Cuts WikiText before each title line ` = Title = ` that stands between blank lines.
///
/// Both neighbours must be blank: lines of formulas and tables can look like titles. The blank line before a
/// title belongs to its article, and so does all that stands before the first title, unless it holds words.
func findArticles(_ text: Span<UInt8>) -> [Range<Int>] {
    var starts = [0]
    var sawWords = false
    var previous = 0..<0
    var line = text.line(from: 0)
    while line.lowerBound < text.count {
        let next = text.line(from: line.upperBound + 1)
        if text.isTitle(line) && text.isBlank(previous) && text.isBlank(next) {
            if sawWords { starts.append(previous.lowerBound) }
            sawWords = true
        } else if !text.isBlank(line) {
            sawWords = true
        }
        (previous, line) = (line, next)
    }
    return starts.indices.map { i in
        starts[i]..<(i + 1 < starts.count ? starts[i + 1] : text.count)
    }
}

extension Span<UInt8> {
    /// The line that starts at `start`, without its end; empty past the text.
    fileprivate func line(from start: Int) -> Range<Int> {
        let start = Swift.min(start, count)
        var end = start
        while end < count && self[end] != UInt8(ascii: "\n") { end += 1 }
        return start..<end
    }

    /// Whether a line reads ` = Title = `, with a single equals sign on each side.
    fileprivate func isTitle(_ line: Range<Int>) -> Bool {
        let space = UInt8(ascii: " ")
        let equals = UInt8(ascii: "=")
        let first = line.lowerBound
        var end = line.upperBound
        while end > first && isBlank(end - 1) { end -= 1 }
        // ` = T =` is the shortest.
        guard end - first >= 6,
            self[first] == space, self[first + 1] == equals, self[first + 2] == space,
            self[end - 2] == space, self[end - 1] == equals
        else { return false }
        // One more sign on either side makes it a section's heading.
        return self[first + 3] != equals && self[first + 3] != space && self[end - 3] != equals
    }

    fileprivate func isBlank(_ line: Range<Int>) -> Bool {
        for i in line where !isBlank(i) { return false }
        return true
    }

    private func isBlank(_ i: Int) -> Bool { self[i] == UInt8(ascii: " ") || (9...13).contains(self[i]) }
}

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
