/// Reads JSON (RFC 8259) from left to right and believes nothing: what is not JSON is a `Fault`, never a trap.
///
/// Who reads an object sees its members in their order, all of them: it is for the caller to refuse a key that comes
/// twice, which `JSONDecoder` would drop without a word. Depth is bounded, so that no file exhausts the stack.
package struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    private static let deepest = 64

    /// - Parameter bytes: All of the text.
    /// - Throws: Where they are not UTF-8.
    package init(_ bytes: [UInt8]) throws(Fault) {
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw Fault("not UTF-8 at byte \(error.byteOffsets.lowerBound)")
        }
        self.bytes = bytes
    }

    /// What a value is, by its first byte.
    package enum Kind {
        case object, array, string, number, word
    }

    /// The kind of the value that comes next.
    ///
    /// - Throws: `Fault`.
    package mutating func kind() throws(Fault) -> Kind {
        skipSpace()
        guard let byte = current else { throw fault("not JSON: no value") }
        return switch byte {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        case UInt8(ascii: "a")...UInt8(ascii: "z"): .word
        default: throw fault("not JSON: no value")
        }
    }

    /// Reads an object; `member` is given each key, and reads the value.
    ///
    /// - Throws: `Fault`.
    package mutating func object(_ member: (inout JSONReader, String) throws(Fault) -> Void) throws(Fault) {
        try enter("{")
        if !take("}") {
            repeat {
                let key = try string()
                try expect(":")
                try member(&self, key)
            } while take(",")
            try expect("}")
        }
        depth -= 1
    }

    /// Reads an array; `element` reads each value.
    ///
    /// - Throws: `Fault`.
    package mutating func array(_ element: (inout JSONReader) throws(Fault) -> Void) throws(Fault) {
        try enter("[")
        if !take("]") {
            repeat { try element(&self) } while take(",")
            try expect("]")
        }
        depth -= 1
    }

    /// Reads a string, unescaped.
    ///
    /// - Throws: `Fault`.
    package mutating func string() throws(Fault) -> String {
        try expect("\"")
        var start = position
        var text: [UInt8] = []
        while true {
            guard let byte = current, byte >= 0x20 else { throw fault("not JSON: a string without an end") }
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                text += bytes[start..<position]
                text += try escape().utf8
                start = position
            } else {
                position += 1
            }
        }
        text += bytes[start..<position]
        position += 1
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads a number, as it is written.
    ///
    /// - Throws: `Fault`.
    package mutating func number() throws(Fault) -> String {
        skipSpace()
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if current == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        // "01" is a number and another behind it, which nothing allows.
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// Reads `true`, `false` or `null`.
    ///
    /// - Returns: nil for `null`.
    /// - Throws: `Fault`.
    package mutating func word() throws(Fault) -> Bool? {
        skipSpace()
        for (text, value) in [("true", true), ("false", false), ("null", nil)] as [(String, Bool?)]
        where bytes[position...].starts(with: text.utf8) {
            position += text.utf8.count
            return value
        }
        throw fault("not JSON: no value")
    }

    /// Reads what may follow the last value: nothing but spaces.
    ///
    /// - Throws: `Fault`.
    package mutating func end() throws(Fault) {
        skipSpace()
        guard current == nil else { throw fault("not JSON: text behind its end") }
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func fault(_ problem: String) -> Fault {
        Fault(position < bytes.count ? "\(problem) at byte \(position)" : "\(problem); it ends too early")
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ sign: Unicode.Scalar) throws(Fault) {
        guard take(sign) else { throw fault("not JSON: no \(sign)") }
    }

    private mutating func enter(_ sign: Unicode.Scalar) throws(Fault) {
        try expect(sign)
        depth += 1
        guard depth <= Self.deepest else { throw fault("more than \(Self.deepest) values inside each other") }
    }

    private mutating func digits() throws(Fault) {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw fault("not JSON: no digit") }
    }

    private mutating func escape() throws(Fault) -> String {
        position += 1
        guard let sign = current else { throw fault("not JSON: a string without an end") }
        position += 1
        switch sign {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return String(Unicode.Scalar(sign))
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try escapedScalar()
        default:
            position -= 1
            throw fault("not JSON: no such escape")
        }
    }

    /// The character of a `\u` escape, or of two that are a surrogate pair.
    private mutating func escapedScalar() throws(Fault) -> String {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return String(Character(scalar)) }
        guard first < 0xDC00, bytes[position...].starts(with: "\\u".utf8) else {
            throw fault("not JSON: half a surrogate pair")
        }
        position += 2
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw fault("not JSON: half a surrogate pair") }
        return String(Character(scalar))
    }

    private mutating func hexadecimal() throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fault("not JSON: no hexadecimal digit")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
