/// Tokens beside those that merges make, which stand in text literally.
///
/// Special ones do not: their text is text like any other, as for Hugging Face's `encode_special_tokens`. Tokens are looked
/// for before the text is normalised or after, as each says.
struct AddedTokens: Sendable {
    var beforeNormalization = LiteralTokens([])
    var afterNormalization = LiteralTokens([])

    /// Whether there is any to look for.
    var areMatched: Bool { beforeNormalization.areMatched || afterNormalization.areMatched }
}

/// Tokens that are found by their text: leftmost first, the longest where several start at the same place.
struct LiteralTokens: Sendable {
    /// Text between tokens, or a token.
    enum Part {
        case text(Range<Int>)
        case token(Int32)

        /// The id; −1 for text.
        var token: Int32 {
            if case .token(let id) = self { return id }
            return -1
        }
    }

    /// A token's text.
    struct Literal: Sendable {
        var bytes: [UInt8]
        /// nil for a special token, whose place is text, in which no other token is looked for.
        var id: Int32?
    }

    /// By their first byte, the longest first.
    private let literals: [[Literal]]
    /// Whether there is any that text is cut at.
    let areMatched: Bool

    /// - Parameter tokens: None of them empty.
    init(_ tokens: [Literal]) {
        var literals = [[Literal]](repeating: [], count: 256)
        for token in tokens.sorted(by: { $0.bytes.count > $1.bytes.count }) { literals[Int(token.bytes[0])].append(token) }
        self.literals = literals
        areMatched = tokens.contains { $0.id != nil }
    }

    /// The text cut at the tokens in it; none of the parts is empty.
    func parts(of text: Span<UInt8>) -> [Part] {
        guard areMatched else { return text.count > 0 ? [.text(0..<text.count)] : [] }
        var parts: [Part] = []
        var (start, position) = (0, 0)
        while position < text.count {
            guard let literal = literal(in: text, at: position) else {
                position += 1
                continue
            }
            if let id = literal.id {
                if start < position { parts.append(.text(start..<position)) }
                parts.append(.token(id))
                start = position + literal.bytes.count
            }
            position += literal.bytes.count
        }
        if start < text.count { parts.append(.text(start..<text.count)) }
        return parts
    }

    private func literal(in text: Span<UInt8>, at position: Int) -> Literal? {
        for literal in literals[Int(text[position])] where position + literal.bytes.count <= text.count {
            var length = 1
            while length < literal.bytes.count, text[position + length] == literal.bytes[length] { length += 1 }
            if length == literal.bytes.count { return literal }
        }
        return nil
    }
}
