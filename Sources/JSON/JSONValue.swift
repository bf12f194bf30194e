/// A value of JSON in memory. Numbers stay as they are written: whether 2.0 or 1e400 will do is for their reader to say.
package enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])
}

extension JSONReader {
    /// Reads any value; a key that comes twice in an object is refused.
    ///
    /// - Throws: `Fault`.
    package mutating func value() throws(Fault) -> JSONValue {
        switch try kind() {
        case .string: return .string(try string())
        case .number: return .number(try number())
        case .word: return try word().map { JSONValue.boolean($0) } ?? JSONValue.null
        case .array:
            var elements: [JSONValue] = []
            try array { reader throws(Fault) in elements.append(try reader.value()) }
            return .array(elements)
        case .object:
            var members: [String: JSONValue] = [:]
            try object { reader, key throws(Fault) in
                guard members.updateValue(try reader.value(), forKey: key) == nil else { throw Fault.repeated(key) }
            }
            return .object(members)
        }
    }
}

extension JSONValue: CustomStringConvertible {
    /// As a message shows it.
    package var description: String {
        switch self {
        case .null: "null"
        case .boolean(let flag): "\(flag)"
        case .number(let digits): digits.count <= 40 ? digits : "\(digits.prefix(40))…"
        case .string(let text): quoted(text)
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// What a parser found wrong; who knows the file makes an error of it that names it.
package struct Fault: Error {
    /// Where in the file; nil where the problem itself says so.
    package var place: String?
    /// What is wrong.
    package let problem: String

    /// A fault; `place` says where in the file, where the problem does not.
    package init(_ problem: String, in place: String? = nil) {
        self.problem = problem
        self.place = place
    }

    /// A key that an object has twice.
    package static func repeated(_ key: String) -> Fault { Fault("the key \(quoted(key)) comes twice") }
}

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
