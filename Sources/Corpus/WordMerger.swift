import HeapModule

/// Merges the bytes of one piece of text into tokens, lowest rank first, leftmost first.
struct WordMerger: Sendable {
    private let byteTokens: [UInt16]
    private let merges: MergeTable
    /// Up to here looking at every pair for each merge is faster than a heap.
    private static let longestScanned = 96

    /// `byteTokens`: the id of each of the 256 bytes.
    init(byteTokens: [UInt16], merges: MergeTable) {
        self.byteTokens = byteTokens
        self.merges = merges
    }

    /// Appends the tokens of `word` to `ids`.
    func append(_ word: Span<UInt8>, to ids: inout [UInt16]) {
        if word.count <= Self.longestScanned {
            appendByScan(word, to: &ids)
        } else {
            appendByHeap(word, to: &ids)
        }
    }

    private func appendByScan(_ word: Span<UInt8>, to ids: inout [UInt16]) {
        let start = ids.count
        for i in 0..<word.count { ids.append(byteTokens[Int(word[i])]) }
        while true {
            var best: (place: Int, merge: Merge)?
            for i in start..<max(start, ids.count - 1) {
                guard let merge = merges.find(ids[i], ids[i + 1]) else { continue }
                if best == nil || merge.rank < best!.merge.rank { best = (i, merge) }
            }
            guard let (place, merge) = best else { return }
            ids[place] = merge.token
            ids.remove(at: place + 1)
        }
    }

    /// A merge that was possible when it was found.
    private struct Candidate: Comparable {
        var merge: Merge
        var left: Int32
        var right: Int32
        /// The right token when the candidate was made: a later merge may have changed it.
        var rightToken: UInt16
        var leftToken: UInt16

        static func < (a: Candidate, b: Candidate) -> Bool {
            (a.merge.rank, a.left) < (b.merge.rank, b.left)
        }
        static func == (a: Candidate, b: Candidate) -> Bool {
            (a.merge.rank, a.left) == (b.merge.rank, b.left)
        }
    }

    /// The same result in n log n, for runs of characters without a break.
    private func appendByHeap(_ word: Span<UInt8>, to ids: inout [UInt16]) {
        var tokens: [UInt16] = []
        tokens.reserveCapacity(word.count)
        for i in 0..<word.count { tokens.append(byteTokens[Int(word[i])]) }
        let end = Int32(tokens.count)
        // Neighbours of each token that still stands; −1 and `end` bound the list.
        var previous = (0..<end).map { $0 - 1 }
        var next = (0..<end).map { $0 + 1 }
        var stands = [Bool](repeating: true, count: tokens.count)
        var heap = Heap<Candidate>()

        func consider(_ left: Int32, _ right: Int32) {
            guard left >= 0, right < end else { return }
            let (a, b) = (tokens[Int(left)], tokens[Int(right)])
            guard let merge = merges.find(a, b) else { return }
            heap.insert(
                Candidate(merge: merge, left: left, right: right, rightToken: b, leftToken: a))
        }

        for i in 1..<end { consider(i - 1, i) }
        while let candidate = heap.popMin() {
            let (left, right) = (candidate.left, candidate.right)
            guard stands[Int(left)], stands[Int(right)], next[Int(left)] == right,
                tokens[Int(left)] == candidate.leftToken,
                tokens[Int(right)] == candidate.rightToken
            else { continue }
            tokens[Int(left)] = candidate.merge.token
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
