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
