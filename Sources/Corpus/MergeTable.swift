/// What a pair of neighbouring tokens merges into.
struct Merge {
    /// Position in the list of merges: lower ones are applied first.
    var rank: UInt32
    /// The id of the merged token.
    var token: UInt16
}

/// Pairs of tokens and their merges: a hash table with linear probing, at most half full.
struct MergeTable: Sendable {
    private struct Slot {
        var pair: UInt32
        var rank: UInt32
        var token: UInt16
    }

    private static let empty = UInt32.max
    private var slots: [Slot]
    private let shift: Int

    /// Room for `capacity` merges.
    init(capacity: Int) {
        var bits = 4
        while 1 << bits < 2 * capacity { bits += 1 }
        slots = [Slot](repeating: Slot(pair: 0, rank: Self.empty, token: 0), count: 1 << bits)
        shift = 32 - bits
    }

    /// The merge of `left` and `right`, or nil.
    func find(_ left: UInt16, _ right: UInt16) -> Merge? {
        let slot = slots[place(of: Self.pair(left, right))]
        return slot.rank == Self.empty ? nil : Merge(rank: slot.rank, token: slot.token)
    }

    /// Adds a merge; where the pair is there already, gives the earlier one back and changes nothing.
    mutating func insert(_ left: UInt16, _ right: UInt16, _ merge: Merge) -> Merge? {
        if let earlier = find(left, right) { return earlier }
        let pair = Self.pair(left, right)
        slots[place(of: pair)] = Slot(pair: pair, rank: merge.rank, token: merge.token)
        return nil
    }

    static func pair(_ left: UInt16, _ right: UInt16) -> UInt32 { UInt32(left) << 16 | UInt32(right) }

    /// The place that holds `pair`, or the empty one where it belongs.
    private func place(of pair: UInt32) -> Int {
        // Fibonacci hashing: the high bits of the product depend on all bits of the pair.
        var place = Int((pair ^ (pair >> 15)) &* 0x9E37_79B1) >> shift
        while slots[place].rank != Self.empty && slots[place].pair != pair {
            place = (place + 1) & (slots.count - 1)
        }
        return place
    }
}
