import JSON

/// An object of a configuration whose values are asked for by key and type; errors name the key.
///
/// `null` is as good as no key: so the library writes what is left to its default. A key that has two names may come under
/// either, or under both with the same value.
struct ConfigurationObject {
    let path: String
    let members: [String: JSONValue]
    /// What comes before a key in messages, such as `rope_scaling.`.
    private let prefix: String

    /// - Parameters:
    ///   - path: A JSON file.
    ///   - limit: The most bytes it may have.
    init(file path: String, limit: Int) throws(ExchangeError) {
        let content = try ForeignFile(path).contents(limit: limit)
        let value: JSONValue
        do {
            var reader = try JSONReader(content)
            value = try reader.value()
            try reader.end()
        } catch {
            throw error.error(path: path)
        }
        guard case .object(let members) = value else {
            throw .malformed(path: path, place: nil, problem: "not a JSON object")
        }
        self.init(path: path, members: members, prefix: "")
    }

    private init(path: String, members: [String: JSONValue], prefix: String) {
        (self.path, self.members, self.prefix) = (path, members, prefix)
    }

    /// The object under `key`; nil where there is none.
    func object(_ key: String) throws(ExchangeError) -> ConfigurationObject? {
        guard let (key, value) = try entry(key) else { return nil }
        guard case .object(let members) = value else { throw invalid(key, "\(value) is not an object") }
        return ConfigurationObject(path: path, members: members, prefix: "\(prefix)\(key).")
    }

    /// A whole number; nil where there is none.
    func optionalInteger(
        _ key: String, or other: String? = nil, in range: ClosedRange<Int>
    ) throws(ExchangeError) -> Int? {
        guard let (key, value) = try entry(key, or: other) else { return nil }
        guard case .number(let digits) = value else { throw invalid(key, "\(value) is not a whole number") }
        guard let number = Int(digits), range.contains(number) else {
            throw invalid(key, "\(value) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A whole number, which must be there where it has no default.
    func integer(
        _ key: String, or other: String? = nil, in range: ClosedRange<Int>, default standard: Int? = nil
    ) throws(ExchangeError) -> Int {
        guard let number = try optionalInteger(key, or: other, in: range) ?? standard else { throw missing(key, other) }
        return number
    }

    /// A whole number or several; nil where there is no such key, and none where it is `null`.
    func integers(_ key: String, in range: ClosedRange<Int>) throws(ExchangeError) -> [Int]? {
        switch members[key] {
        case nil: return nil
        case .null?: return []
        case .array(let values)?:
            var numbers: [Int] = []
            for value in values {
                guard case .number(let digits) = value, let number = Int(digits), range.contains(number) else {
                    throw invalid(
                        key, "\(value), one of several, is not a whole number from \(range.lowerBound) to \(range.upperBound)")
                }
                numbers.append(number)
            }
            return numbers
        default: return try optionalInteger(key, in: range).map { [$0] }
        }
    }

    /// A number; nil where there is none.
    func optionalNumber(_ key: String, in range: ClosedRange<Double>) throws(ExchangeError) -> Double? {
        guard let (key, value) = try entry(key) else { return nil }
        guard case .number(let digits) = value else { throw invalid(key, "\(value) is not a number") }
        guard let number = Double(digits), range.contains(number) else {
            throw invalid(key, "\(value) is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A number, which must be there where it has no default.
    func number(
        _ key: String, in range: ClosedRange<Double>, default standard: Double? = nil
    ) throws(ExchangeError) -> Double {
        guard let number = try optionalNumber(key, in: range) ?? standard else { throw missing(key) }
        return number
    }

    /// `true` or `false`.
    func flag(_ key: String, default standard: Bool) throws(ExchangeError) -> Bool {
        guard let (key, value) = try entry(key) else { return standard }
        guard case .boolean(let flag) = value else { throw invalid(key, "\(value) is neither true nor false") }
        return flag
    }

    /// A string, which must be there where it has no default.
    func text(_ key: String, or other: String? = nil, default standard: String? = nil) throws(ExchangeError) -> String {
        guard let (key, value) = try entry(key, or: other) else {
            guard let standard else { throw missing(key, other) }
            return standard
        }
        guard case .string(let text) = value else { throw invalid(key, "\(value) is not a string") }
        return text
    }

    /// Whether a key that turns something on does not: it is not there, `null`, `false` or 0.
    func isOff(_ key: String) -> Bool {
        switch members[key] {
        case nil, .null, .boolean(false), .number("0"): true
        default: false
        }
    }

    /// The value of a key under either name, with the name it has here; nil where there is none or `null`.
    private func entry(_ key: String, or other: String? = nil) throws(ExchangeError) -> (key: String, value: JSONValue)? {
        func found(_ key: String) -> (key: String, value: JSONValue)? {
            switch members[key] {
            case nil, .null: nil
            case let value?: (key, value)
            }
        }
        guard let second = other.flatMap(found) else { return found(key) }
        guard let first = found(key) else { return second }
        guard first.value == second.value else {
            throw invalid(key, "\(first.value), but \(second.value) as \(prefix)\(second.key)")
        }
        return first
    }

    private func missing(_ key: String, _ other: String? = nil) -> ExchangeError {
        invalid(key, other.map { "missing, and so is \(prefix)\($0)" } ?? "missing")
    }

    func invalid(_ key: String, _ problem: String) -> ExchangeError {
        .configuration(path: path, key: prefix + key, problem: problem)
    }

    /// The refusal of a key's value.
    ///
    /// - Parameters:
    ///   - known: What is taken instead.
    ///   - value: The part of the value that is refused; all of it where it is nil.
    func unsupported(_ key: String, or other: String? = nil, _ known: String, value: JSONValue? = nil) -> ExchangeError {
        // Under the name that is there.
        let name = members[key] == nil ? other ?? key : key
        let shown = value ?? members[name] ?? .null
        return .unsupported(path: path, key: prefix + name, value: "\(shown)", known: known)
    }
}
