import HeapModule

/// Merges the bytes of one piece of text into tokens, lowest rank first, leftmost first.
struct WordMerger: Sendable {
    /// The id of each byte; −1 for a byte that is left out.
    private let byteTokens: [Int32]
    private let merges: MergeTable
    /// Tokens that stand for a whole piece whatever the merges make of it, with the id of each.
    private let wholeWords: (table: WordTable, ids: [Int32])?
    /// Up to here looking at every pair for each merge is faster than a heap.
    private static let longestScanned = 96

    /// - Parameters:
    ///   - byteTokens: The id of each of the 256 bytes; −1 for one that is left out.
    ///   - merges: Pairs of ids, and what they merge into.
    ///   - wholeWords: Pieces that are one token without any merge, with the id of each; nil where merges alone decide.
    init(byteTokens: [Int32], merges: MergeTable, wholeWords: (table: WordTable, ids: [Int32])? = nil) {
        self.byteTokens = byteTokens
        self.merges = merges
        self.wholeWords = wholeWords
    }

    /// Appends the tokens of `word` to `ids`.
    func append(_ word: Span<UInt8>, to ids: inout [Int32]) {
        if let wholeWords, let number = wholeWords.table.find(word) {
            ids.append(wholeWords.ids[number])
        } else if word.count <= Self.longestScanned {
            appendByScan(word, to: &ids)
        } else {
            appendByHeap(word, to: &ids)
        }
    }

    private func appendBytes(_ word: Span<UInt8>, to ids: inout [Int32]) {
        for i in 0..<word.count {
            let id = byteTokens[Int(word[i])]
            if id >= 0 { ids.append(id) }
        }
    }

    private func appendByScan(_ word: Span<UInt8>, to ids: inout [Int32]) {
        let start = ids.count
        appendBytes(word, to: &ids)
        while true {
            var (best, place) = (MergeTable.none, 0)
            for i in start..<max(start, ids.count - 1) {
                let rank = merges.rank(of: ids[i], ids[i + 1])
                if rank < best { (best, place) = (rank, i) }
            }
            guard best != MergeTable.none else { return }
            ids[place] = merges.token(best)
            ids.remove(at: place + 1)
        }
    }

    /// A merge that was possible when it was found.
    private struct Candidate: Comparable {
        var rank: UInt32
        var left: Int32
        var right: Int32
        /// The right token when the candidate was made: a later merge may have changed it.
        var rightToken: Int32
        var leftToken: Int32

        static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.left) < (b.rank, b.left) }
        static func == (a: Candidate, b: Candidate) -> Bool { (a.rank, a.left) == (b.rank, b.left) }
    }

    /// The same result in n log n, for runs of characters without a break.
    private func appendByHeap(_ word: Span<UInt8>, to ids: inout [Int32]) {
        var tokens: [Int32] = []
        tokens.reserveCapacity(word.count)
        appendBytes(word, to: &tokens)
        let end = Int32(tokens.count)
        // Neighbours of each token that still stands; −1 and `end` bound the list.
        var previous = (0..<end).map { $0 - 1 }
        var next = (0..<end).map { $0 + 1 }
        var stands = [Bool](repeating: true, count: tokens.count)
        var heap = Heap<Candidate>()

        func consider(_ left: Int32, _ right: Int32) {
            guard left >= 0, right < end else { return }
            let (a, b) = (tokens[Int(left)], tokens[Int(right)])
            let rank = merges.rank(of: a, b)
            guard rank != MergeTable.none else { return }
            heap.insert(Candidate(rank: rank, left: left, right: right, rightToken: b, leftToken: a))
        }

        for i in 0..<end { consider(i, i + 1) }
        while let candidate = heap.popMin() {
            let (left, right) = (candidate.left, candidate.right)
            guard stands[Int(left)], stands[Int(right)], next[Int(left)] == right,
                tokens[Int(left)] == candidate.leftToken,
                tokens[Int(right)] == candidate.rightToken
            else { continue }
            tokens[Int(left)] = merges.token(candidate.rank)
            stands[Int(right)] = false
            let after = next[Int(right)]
            next[Int(left)] = after
            if after < end { previous[Int(after)] = left }
            consider(previous[Int(left)], left)
            consider(left, after)
        }
        for i in tokens.indices where stands[i] { ids.append(tokens[i]) }
    }
}
