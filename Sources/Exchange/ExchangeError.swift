import Files
import JSON

/// Why a file made by another program, or for one, could not be read or written. The description is one line that
/// names the file, what is wrong, where, and what to do.
public enum ExchangeError: FileErrorHolder, Equatable, Sendable {
    /// The system refused to read or write.
    case file(FileError)
    /// A file that breaks the rules of its format; `place` says where in it, such as a tensor.
    case malformed(path: String, place: String?, problem: String)
    /// A directory without any of these files.
    case noModel(directory: String, names: [String])
    /// No tensor of that name.
    case missingTensor(path: String, name: String)
    /// A tensor whose stored type is not read as numbers in floating point.
    case unreadableType(path: String, name: String, type: StoredType)
    /// A tensor of another shape than asked for.
    case shape(path: String, name: String, expected: [Int], found: [Int])
    /// A configuration's `key` that is missing, of the wrong type or outside its range.
    case configuration(path: String, key: String, problem: String)
    /// A configuration's `key` that asks for what this program does not have; `known` says what it takes.
    case unsupported(path: String, key: String, value: String, known: String)
    /// Tensors that cannot be written as asked.
    case unwritable(path: String, name: String, problem: String)
}

extension ExchangeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let error):
            error.description.inOneLine
        case .malformed(let path, let place, let problem):
            "\(path.inOneLine): \(place.map { "\($0): " } ?? "")\(problem); fetch or convert the file again"
        case .noModel(let directory, let names):
            "\(directory.inOneLine): has no \(names.joined(separator: " and no ")); "
                + "choose the directory of a model saved as safetensors"
        case .missingTensor(let path, let name):
            "\(path.inOneLine): no tensor \(quoted(name)); use the weights that belong to this configuration"
        case .unreadableType(let path, let name, let type):
            "\(path.inOneLine): tensor \(quoted(name)) is stored as \(type.rawValue), which is not read; "
                + "convert it to one of \(StoredType.readable.map(\.rawValue).joined(separator: ", "))"
        case .shape(let path, let name, let expected, let found):
            "\(path.inOneLine): tensor \(quoted(name)) has the shape \(found) where \(expected) is expected; "
                + "use the weights that belong to this configuration"
        case .configuration(let path, let key, let problem):
            "\(path.inOneLine): \(key): \(problem); use the \(path.fileName) that was saved with the weights"
        case .unsupported(let path, let key, let value, let known):
            "\(path.inOneLine): \(key): \(value) is not supported; choose a model with \(known)"
        case .unwritable(let path, let name, let problem):
            "\(path.inOneLine): tensor \(quoted(name)): \(problem)"
        }
    }
}

extension String {
    /// What follows the last slash.
    fileprivate var fileName: String { (split(separator: "/").last.map(String.init) ?? self).inOneLine }
}

extension Fault {
    func error(path: String) -> ExchangeError { .malformed(path: path, place: place, problem: problem) }
}
