import Files
import JSON
import Options

/// A task as its file has it: items that a model is asked.
package struct ScoredTask: Equatable, Sendable {
    /// What is asked of a model.
    package enum Kind: String, Codable, Sendable {
        /// Which of several continuations is likeliest: `context`, `choices`, `answer`.
        case multipleChoice = "multiple choice"
        /// How likely the last word of a `text` is, and whether it is what the model would write.
        case lastWord = "last word"
    }

    /// One line of the file.
    package struct Item: Equatable, Sendable {
        /// From 1.
        package let line: Int
        package let context: String
        /// What may follow the context, a space between; of a text its last word alone.
        package let choices: [String]
        /// Index of the right one.
        package let answer: Int
    }

    package let kind: Kind
    package let items: [Item]
    /// SHA-256 of the file, in hexadecimal.
    package let hash: String

    /// Reads JSON lines; keys that are not asked for and empty lines do not matter.
    ///
    /// - Parameter limit: items to read, the file's first; nil for all.
    /// - Throws: `UnusableFileError` that names file and line.
    package init(contentsOf path: String, limit: Int? = nil) throws(UnusableFileError) {
        let bytes: [UInt8]
        do {
            bytes = try readFile(path)
        } catch {
            throw UnusableFileError("--task \(error)")
        }
        var items: [Item] = [], kind: Kind?
        for (i, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard items.count < limit ?? .max else { break }
            guard line.contains(where: { !Self.spaces.contains($0) }) else { continue }
            do throws(Fault) {
                let members = try Self.object(Array(line))
                let own: Kind = members["text"] == nil ? .multipleChoice : .lastWord
                if let kind, kind != own { throw Fault("it is \(own.rawValue), where lines before it are \(kind.rawValue)") }
                kind = own
                items.append(
                    try own == .lastWord ? Item(textOf: members, line: i + 1) : Item(choicesOf: members, line: i + 1))
            } catch {
                throw UnusableFileError("--task \(path), line \(i + 1): \(error.place.map { "\($0): " } ?? "")\(error.problem)")
            }
        }
        guard let kind else { throw UnusableFileError("--task \(path): it has no items; give a file of JSON lines") }
        self.kind = kind
        self.items = items
        hash = sha256(bytes)
    }

    private static let spaces = Array(" \t\r".utf8)

    private static func object(_ line: [UInt8]) throws(Fault) -> [String: JSONValue] {
        var reader = try JSONReader(line)
        let value = try reader.value()
        try reader.end()
        guard case .object(let members) = value else { throw Fault("\(value) is not an object; give one JSON object a line") }
        return members
    }
}

extension ScoredTask.Item {
    fileprivate init(choicesOf members: [String: JSONValue], line: Int) throws(Fault) {
        self.line = line
        context = try members.string("context")
        guard let listed = members["choices"] else { throw .missing("choices") }
        guard case .array(let values) = listed, values.count >= 2 else {
            throw Fault("\"choices\" is not a list of two or more texts")
        }
        var choices: [String] = []
        for (i, value) in values.enumerated() {
            guard case .string(let choice) = value else { throw Fault("choice \(i) is \(value), which is not a text") }
            guard !choice.isEmpty else { throw Fault("choice \(i) is empty") }
            choices.append(choice)
        }
        self.choices = choices
        guard let given = members["answer"] else { throw .missing("answer") }
        guard case .number(let digits) = given, let answer = Int(digits), choices.indices.contains(answer) else {
            throw Fault("\"answer\" is \(given); it must be the index of a choice, from 0 to \(choices.count - 1)")
        }
        self.answer = answer
    }

    /// As `text.split(" ")` cuts it.
    fileprivate init(textOf members: [String: JSONValue], line: Int) throws(Fault) {
        self.line = line
        let text = try members.string("text").unicodeScalars
        guard let space = text.lastIndex(of: " "), text[..<space].contains(where: { !$0.isPythonSpace }) else {
            throw Fault("the text is one word, with nothing before it")
        }
        let word = String(text[text.index(after: space)...])
        guard !word.isEmpty else { throw Fault("the text ends in a space where its last word should be") }
        context = String(text[..<space])
        choices = [word]
        answer = 0
    }
}

extension [String: JSONValue] {
    fileprivate func string(_ key: String) throws(Fault) -> String {
        guard let value = self[key] else { throw .missing(key) }
        guard case .string(let text) = value else { throw Fault("\"\(key)\" is \(value), which is not a text") }
        return text
    }
}

extension Fault {
    fileprivate static func missing(_ key: String) -> Fault { Fault("the key \"\(key)\" is missing") }
}

extension Unicode.Scalar {
    /// What Python's `str.rstrip` takes away: white space, and four separators of control characters.
    package var isPythonSpace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }
}
