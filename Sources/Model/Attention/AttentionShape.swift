/// The shape of a layer's attention: H query heads of width d, in groups of H / G that share a head of keys and values
/// (Ainslie et al. 2023, "GQA"); G = H where none share.
public struct AttentionShape: Equatable, Sendable {
    /// H.
    public let heads: Int
    /// G, a divisor of H.
    public let keyValueHeads: Int
    /// d.
    public let headWidth: Int

    /// - Parameter keyValueHeads: G; H unless told.
    public init(heads: Int, keyValueHeads: Int? = nil, headWidth: Int) {
        let shared = keyValueHeads ?? heads
        precondition(heads >= 1 && shared >= 1 && heads % shared == 0, "\(heads) heads in groups on \(shared)")
        self.heads = heads
        self.keyValueHeads = shared
        self.headWidth = headWidth
    }

    /// Query heads that share a head of keys and values.
    public var group: Int { heads / keyValueHeads }

    /// The head of keys and values that query head `head` reads.
    @inline(__always)
    public func keyValueHead(of head: Int) -> Int { head / group }

    /// The query heads that read head `head` of keys and values.
    public func queryHeads(of head: Int) -> Range<Int> { (head * group)..<((head + 1) * group) }

    /// H d, what all heads give.
    public var width: Int { heads * headWidth }
    /// (H + 2 G) d: queries, keys and values side by side.
    public var columns: Int { (heads + 2 * keyValueHeads) * headWidth }
    /// Where queries stand in such a row, all heads.
    public var queries: Range<Int> { 0..<width }
    /// Where keys stand.
    public var keys: Range<Int> { width..<(width + keyValueHeads * headWidth) }
    /// Where values stand.
    public var values: Range<Int> { keys.upperBound..<columns }

    /// Where head `head` stands within `part`, one of `queries`, `keys` and `values`.
    public func columns(of part: Range<Int>, head: Int) -> Range<Int> {
        let first = part.lowerBound + head * headWidth
        return first..<(first + headWidth)
    }
}
