// L tokens of a sequence, T a segment's.

/// The keys that a query attends to at all columns of the bases, whatever its level: those of its own segment and of
/// `recent` segments before it, and the sequence's first `first` tokens. Its level is for the others, the far keys.
public struct ExactTokens: Equatable, Codable, Sendable {
    /// Segments before the query's own.
    public let recent: Int
    /// Tokens from the sequence's first on.
    public let first: Int

    public init(recent: Int, first: Int) {
        precondition(recent >= 0 && first >= 0, "\(recent) recent segments and \(first) first tokens")
        self.recent = recent
        self.first = first
    }

    /// The positions of the far keys of a query at `position`, where segments have T tokens: empty where all are exact.
    public func far(of position: Int, segment: Int) -> Range<Int> {
        first..<max(first, (position / segment - recent) * segment)
    }
}
