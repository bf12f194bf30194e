import Kernels

/// The ranges in which a long operation is handed to MPI, in order.
///
/// An empty operation is one empty piece, so that all ranks make the same calls whatever they pass.
struct Pieces: Sequence, IteratorProtocol {
    private let count: Int
    private let limit: Int
    private let endsShort: Bool
    private var position = 0
    private var isDone = false

    /// - Parameters:
    ///   - limit: most elements in a piece, at least 1.
    ///   - endsShort: whether a last piece of full length is followed by an empty one.
    init(of count: Int, limit: Int, endsShort: Bool = false) {
        self.count = count
        self.limit = Swift.max(1, limit)
        self.endsShort = endsShort
    }

    mutating func next() -> Range<Int>? {
        guard !isDone else { return nil }
        let piece = position..<Swift.min(position + limit, count)
        position = piece.upperBound
        isDone = position == count && !(endsShort && piece.count == limit)
        return piece
    }
}

extension Communicator {
    /// Most elements of a type that one call moves; never more than an `Int32` counts.
    func pieceLimit<Element: MPIElement>(_: Element.Type) -> Int {
        Swift.min(Swift.max(1, pieceBytes / MemoryLayout<Element>.stride), Int(Int32.max))
    }

    /// The pieces of a collective operation.
    func pieces<Element: MPIElement>(of count: Int, _ type: Element.Type) -> Pieces {
        Pieces(of: count, limit: pieceLimit(type))
    }

    /// The pieces of a message.
    ///
    /// A full piece is always followed by another, so that a receiver who expects another length than
    /// was sent meets a piece of the wrong length and never waits for one that does not come.
    func messagePieces<Element: MPIElement>(of count: Int, _ type: Element.Type) -> Pieces {
        Pieces(of: count, limit: pieceLimit(type), endsShort: true)
    }
}
