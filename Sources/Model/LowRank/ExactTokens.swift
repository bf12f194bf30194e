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
        let end = (position / segment - recent) * segment
        return first < end ? first..<end : 0..<0
    }

    /// Positions 0 ..< `length` cut into pieces of at most `most`, each of which is far for all queries of a segment or for
    /// none.
    package func tiles(length: Int, segment: Int, most: Int) -> [Range<Int>] {
        let ends = Set([first, length] + stride(from: segment, to: length, by: segment)).filter { $0 > 0 && $0 <= length }
        var tiles: [Range<Int>] = []
        for end in ends.sorted() {
            let start = tiles.last?.upperBound ?? 0
            tiles += stride(from: start, to: end, by: most).map { $0..<min($0 + most, end) }
        }
        return tiles
    }
}
