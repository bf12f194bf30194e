/// Text of a file's as a message shows it: in quotes, in one line, no longer than a name has to be.
package func quoted(_ text: String) -> String {
    // A character may hold any number of scalars: count those.
    let shown = text.unicodeScalars.prefix(longestQuote)
    let isCut = shown.endIndex != text.unicodeScalars.endIndex
    return "\"\(String(String.UnicodeScalarView(shown)).inOneLine)\(isCut ? "…" : "")\""
}

private let longestQuote = 120

extension String {
    /// The same with what would leave the line, or command a terminal, spelled as `\u{…}`.
    package var inOneLine: String {
        guard hasControls else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isControl {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Whether it holds control characters or line ends.
    package var hasControls: Bool { unicodeScalars.contains(where: \.isControl) }
}

extension Unicode.Scalar {
    fileprivate var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
