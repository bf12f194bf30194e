/// Bytes of tokens as they come, and the text that may be shown of them: whole UTF-8 characters, and nothing of a stop string.
package struct TextStream {
    /// None is empty.
    private let stops: [[UInt8]]
    /// What was not shown yet.
    private var held: [UInt8] = []
    /// Whether a stop string has come, after which nothing is shown.
    package private(set) var isStopped = false

    package init(stops: [String]) { self.stops = stops.map { Array($0.utf8) } }

    /// Takes in a token's bytes.
    ///
    /// - Returns: what can be shown now: no part of a stop string, nor what may be the beginning of one.
    package mutating func add(_ bytes: [UInt8]) -> String {
        guard !isStopped else { return "" }
        held += bytes
        // A match ends in the new bytes: an earlier one would have been found.
        let first = stops.compactMap { Self.place(of: $0, in: held) }.min()
        if let first {
            isStopped = true
            return show(first)
        }
        let open = stops.map { stop in
            (1..<stop.count).reversed().first { held.count >= $0 && held.suffix($0).elementsEqual(stop.prefix($0)) } ?? 0
        }
        let shown = held.count - (open.max() ?? 0)
        return show(shown - Self.unfinished(held[0..<shown]))
    }

    /// The text has ended.
    ///
    /// - Returns: what was held back; U+FFFD for a character that is not whole.
    package mutating func finish() -> String { isStopped ? "" : show(held.count) }

    private mutating func show(_ count: Int) -> String {
        let text = String(decoding: held[0..<count], as: UTF8.self)
        held.removeFirst(count)
        return text
    }

    /// Where `part` first stands.
    private static func place(of part: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= part.count else { return nil }
        return (0...(bytes.count - part.count)).first { bytes[$0..<($0 + part.count)].elementsEqual(part) }
    }

    /// Bytes at the end that begin a character of more bytes.
    private static func unfinished(_ bytes: ArraySlice<UInt8>) -> Int {
        for count in 1...3 where count <= bytes.count {
            let byte = bytes[bytes.endIndex - count]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > count ? count : 0
        }
        return 0
    }
}
