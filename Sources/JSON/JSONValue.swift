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
