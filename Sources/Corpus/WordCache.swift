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
