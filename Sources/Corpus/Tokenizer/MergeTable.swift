import JSON

/// Pairs of tokens and what they merge into: a hash table with linear probing, at most half full.
///
/// A merge's rank is its place in the list of merges: lower ones are applied first.
struct MergeTable: Sendable {
    /// The most merges that ranks can number.
    static let most = 1 << rankBits - 1
    /// The rank of pairs that do not merge; above all others.
    static let none = UInt32.max

    private static let idBits = 20
    private static let rankBits = 24
    private static let empty = UInt64.max
    /// The pair in the high 40 bits, its rank in the low 24.
    private var slots: [UInt64]
    private let shift: Int
    /// The id of each merge's token, by rank.
    private var tokens: [Int32] = []

    /// Room for `capacity` merges.
    init(capacity: Int) {
        var bits = 4
        while 1 << bits < 2 * capacity { bits += 1 }
        slots = [UInt64](repeating: Self.empty, count: 1 << bits)
        shift = UInt64.bitWidth - bits
    }

    /// The rank at which the pair merges, or `none`.
    func rank(of left: Int32, _ right: Int32) -> UInt32 {
        let slot = slots[place(of: Self.pair(left, right))]
        return slot == Self.empty ? Self.none : UInt32(truncatingIfNeeded: slot) & 0xFF_FFFF
    }

    /// The id of the token that the merge of this rank makes.
    func token(_ rank: UInt32) -> Int32 { tokens[Int(rank)] }

    /// The pair as one number, in the order of left, then right. Ids are below 2^20.
    static func pair(_ left: Int32, _ right: Int32) -> UInt64 { UInt64(left) << idBits | UInt64(right) }

    /// The two ids of a pair.
    static func ids(_ pair: UInt64) -> (left: Int32, right: Int32) {
        (Int32(pair >> idBits), Int32(pair & (1 << idBits - 1)))
    }

    /// Adds the next merge, of two tokens by their spellings. For no more than there is room for.
    mutating func append(_ left: [UInt8], _ right: [UInt8], in vocabulary: Vocabulary) throws(Fault) {
        guard !left.isEmpty, !right.isEmpty else { throw Self.notAPair }
        func id(_ spelling: [UInt8]) throws(Fault) -> Int32 {
            guard let id = vocabulary.id(of: spelling.span) else {
                throw Fault("\(quoted(String(decoding: spelling, as: UTF8.self))) is not in the vocabulary")
            }
            return id
        }
        let (first, second) = (try id(left), try id(right))
        let token = try id(left + right)
        let earlier = rank(of: first, second)
        guard earlier == Self.none else { throw Fault("the same merge as number \(earlier + 1)") }
        guard tokens.count < Self.most else { throw Fault("more merges than \(Self.most)") }
        let pair = Self.pair(first, second)
        slots[place(of: pair)] = pair << Self.rankBits | UInt64(tokens.count)
        tokens.append(token)
    }

    static let notAPair = Fault("a merge is two tokens with one space between them")

    /// The place that holds `pair`, or the empty one where it belongs.
    private func place(of pair: UInt64) -> Int {
        // Fibonacci hashing: the high bits of the product depend on all bits of the pair.
        var place = Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) >> UInt64(shift))
        while slots[place] != Self.empty && slots[place] >> UInt64(Self.rankBits) != pair {
            place = (place + 1) & (slots.count - 1)
        }
        return place
    }
}
