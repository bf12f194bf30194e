import JSON

/// An object of a `tokenizer.json` whose values are asked for by key and type; errors name the key.
///
/// `null` is as good as no key.
struct TokenizerObject {
    /// The file, for messages.
    let name: String
    /// What it is called in messages, such as `model`.
    let place: String
    let members: [String: JSONValue]

    init(name: String, place: String, members: [String: JSONValue]) {
        (self.name, self.place, self.members) = (name, place, members)
    }

    /// - Throws: `malformedTokenizer` where the value is no object.
    init(name: String, place: String, _ value: JSONValue) throws(CorpusError) {
        guard case .object(let members) = value else {
            throw .malformedTokenizer(path: name, problem: "\(place): \(value) is not an object")
        }
        self.init(name: name, place: place, members: members)
    }

    /// The value of a key; nil where there is none or `null`.
    func value(_ key: String) -> JSONValue? {
        switch members[key] {
        case nil, .null: nil
        case let value?: value
        }
    }

    func flag(_ key: String, default standard: Bool) throws(CorpusError) -> Bool {
        guard let value = value(key) else { return standard }
        guard case .boolean(let flag) = value else { throw malformed(key, "\(value) is neither true nor false") }
        return flag
    }

    func text(_ key: String) throws(CorpusError) -> String? {
        guard let value = value(key) else { return nil }
        guard case .string(let text) = value else { throw malformed(key, "\(value) is not a string") }
        return text
    }

    func integer(_ key: String) throws(CorpusError) -> Int {
        guard case .number(let digits)? = value(key), let number = Int(digits) else {
            throw malformed(key, value(key).map { "\($0) is not a whole number" } ?? "missing")
        }
        return number
    }

    func objects(_ key: String) throws(CorpusError) -> [TokenizerObject] {
        guard let value = value(key) else { return [] }
        guard case .array(let elements) = value else { throw malformed(key, "\(value) is not an array") }
        var objects: [TokenizerObject] = []
        for (i, element) in elements.enumerated() {
            objects.append(try TokenizerObject(name: name, place: "\(called(key))[\(i)]", element))
        }
        return objects
    }

    func malformed(_ key: String, _ problem: String) -> CorpusError {
        .malformedTokenizer(path: name, problem: "\(called(key)): \(problem)")
    }

    /// - Parameter known: What is supported.
    func unsupported(_ key: String, _ value: JSONValue? = nil, known: String) -> CorpusError {
        .unsupportedTokenizer(
            path: name, part: called(key), value: "\(value ?? members[key] ?? .null)", known: known)
    }

    private func called(_ key: String) -> String { place.isEmpty ? key : key.isEmpty ? place : "\(place).\(key)" }
}
