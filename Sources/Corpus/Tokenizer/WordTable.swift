/// The tokens of the words seen so far: natural text repeats most of its words.
struct WordCache: Sendable {
    private var words = WordTable()
    private var tokens: [Int32] = []
    private var ends: [Int] = []

    /// Longer pieces are rare, and would fill the cache for nothing.
    private static let longestWord = 64
    /// At this size in bytes the cache starts anew, so that any text can be encoded in bounded memory.
    private static let largest = 16 << 20

    /// Appends the tokens of `word` to `ids`.
    mutating func append(_ word: Span<UInt8>, merger: WordMerger, to ids: inout [Int32]) {
        guard word.count <= Self.longestWord else {
            merger.append(word, to: &ids)
            return
        }
        let (number, isNew) = words.insert(word)
        if isNew {
            merger.append(word, to: &tokens)
            ends.append(tokens.count)
        }
        for i in (number == 0 ? 0 : ends[number - 1])..<ends[number] { ids.append(tokens[i]) }
        if words.bytes.count > Self.largest { self = WordCache() }
    }
}

/// Byte strings, numbered in the order in which they were first seen.
struct WordTable: Sendable {
    private struct Slot {
        /// High half of the hash, compared before the bytes are.
        var tag: UInt32
        /// Number of the word, −1 where there is none.
        var word: Int32
    }

    private var slots = [Slot](repeating: Slot(tag: 0, word: -1), count: 1024)
    /// All words, one after the other.
    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []

    /// Number of words.
    var count: Int { ends.count }

    /// Where word `i` lies in `bytes`.
    func range(of i: Int) -> Range<Int> { (i == 0 ? 0 : ends[i - 1])..<ends[i] }

    /// The number of `word`, or nil.
    func find(_ word: Span<UInt8>) -> Int? {
        let found = slots[slot(of: word, hash: Self.hash(word))].word
        return found < 0 ? nil : Int(found)
    }

    /// The number of `word`, which is added if it is new.
    mutating func insert(_ word: Span<UInt8>) -> (number: Int, isNew: Bool) {
        let hash = Self.hash(word)
        let place = slot(of: word, hash: hash)
        if slots[place].word >= 0 { return (Int(slots[place].word), false) }
        let number = count
        slots[place] = Slot(tag: UInt32(hash >> 32), word: Int32(number))
        for i in 0..<word.count { bytes.append(word[i]) }
        ends.append(bytes.count)
        if 2 * count > slots.count { grow() }
        return (number, true)
    }

    /// The place that holds `word`, or the empty one where it belongs.
    private func slot(of word: Span<UInt8>, hash: UInt64) -> Int {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots[place]
            if slot.word < 0 { return place }
            if slot.tag == UInt32(hash >> 32), holds(Int(slot.word), word) { return place }
            place = (place + 1) & mask
        }
    }

    private func holds(_ number: Int, _ word: Span<UInt8>) -> Bool {
        let range = range(of: number)
        guard range.count == word.count else { return false }
        for i in 0..<word.count where bytes[range.lowerBound + i] != word[i] { return false }
        return true
    }

    private mutating func grow() {
        var larger = [Slot](repeating: Slot(tag: 0, word: -1), count: 2 * slots.count)
        let mask = larger.count - 1
        for number in 0..<count {
            let hash = Self.hash(bytes.span.extracting(range(of: number)))
            var place = Int(truncatingIfNeeded: hash) & mask
            while larger[place].word >= 0 { place = (place + 1) & mask }
            larger[place] = Slot(tag: UInt32(hash >> 32), word: Int32(number))
        }
        slots = larger
    }

    /// FNV-1a, its bits mixed once more because the table uses the low ones.
    private static func hash(_ word: Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for i in 0..<word.count { hash = (hash ^ UInt64(word[i])) &* 0x100_0000_01B3 }
        return mixed(hash)
    }
}
