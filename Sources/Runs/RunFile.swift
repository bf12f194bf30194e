import Yams

/// A file of options, such as the `run.yaml` that a run leaves in its directory: a flat YAML mapping whose keys are options'
/// names.
public struct RunFile: Equatable, Sendable {
    /// One of its options.
    public struct Option: Equatable, Sendable {
        public let name: String
        /// Its value.
        public let text: String
        /// Whether the value stands in quotes: YAML reads `on` and `4:16` as something else.
        public let isQuoted: Bool
        /// Where it was read, from 1; nil for one that was not.
        public let line: Int?

        /// - Parameters:
        ///   - name: without dashes.
        ///   - text: its value.
        ///   - isQuoted: whether the value is written in quotes.
        ///   - line: where it was read.
        public init(name: String, text: String, isQuoted: Bool, line: Int? = nil) {
            self.name = name
            self.text = text
            self.isQuoted = isQuoted
            self.line = line
        }
    }

    /// What is wrong with such a file, and where.
    public struct Fault: Error, Equatable {
        /// From 1; nil where it is not known.
        public let line: Int?
        public let reason: String

        /// - Parameters:
        ///   - line: from 1; nil where it is not known.
        ///   - reason: what is wrong.
        public init(line: Int?, reason: String) {
            self.line = line
            self.reason = reason
        }

        /// It with the file's name.
        public func description(of path: String) -> String {
            "\(path)\(line.map { ", line \($0)" } ?? ""): \(reason)"
        }
    }

    /// In the file's order.
    public let options: [Option]

    /// - Parameter options: in the order to write them in.
    public init(_ options: [Option]) { self.options = options }

    /// Reads what a file holds.
    ///
    /// - Parameter bytes: the file's.
    /// - Throws: `Fault` where it is not UTF-8, not YAML or not a mapping, or a key stands twice, is no name or has not one
    ///   value.
    public init(reading bytes: [UInt8]) throws(Fault) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Fault(line: nil, reason: "not UTF-8; convert the file")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Self.fault(error)
        }
        guard let root, root.null == nil else {
            options = []
            return
        }
        guard case .mapping(let mapping) = root else {
            throw Fault(line: root.mark?.line ?? 1, reason: "a mapping of options is expected, e.g. `steps: 400`")
        }
        var options: [Option] = []
        for (key, value) in mapping {
            let line = key.mark?.line ?? 1
            guard let name = key.scalar?.string else {
                throw Fault(line: line, reason: "a key must be an option's name")
            }
            guard value.null == nil, let scalar = value.scalar, !scalar.string.isEmpty else {
                throw Fault(line: line, reason: "\(name) needs one value")
            }
            options.append(Option(name: name, text: scalar.string, isQuoted: scalar.style != .plain, line: line))
        }
        self.options = options
    }

    /// The file's text.
    ///
    /// - Returns: a line for each option.
    /// - Throws: `YamlError` where the library cannot write them.
    public func yaml() throws -> String {
        let pairs = options.map { option in
            (Node(option.name), option.isQuoted ? Node(option.text, Tag(.str), .doubleQuoted) : Node(option.text))
        }
        return try Yams.serialize(node: .mapping(Node.Mapping(pairs)), width: -1, allowUnicode: true)
    }

    /// Line and cause of what the YAML parser refused.
    private static func fault(_ error: any Error) -> Fault {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return Fault(line: mark.line, reason: "not YAML: \(problem)")
        case .reader(let problem, let offset, _, let yaml):
            return Fault(line: 1 + yaml.prefix(offset ?? 0).count(where: \.isNewline), reason: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            return Fault(line: context.mark.line, reason: "\(keys.joined(separator: ", ")) stands twice")
        default:
            return Fault(
                line: nil, reason: "not YAML: \(error)".split(whereSeparator: \.isNewline).joined(separator: " "))
        }
    }
}
