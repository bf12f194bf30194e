import HeapModule

/// Learns a byte-level BPE from text: the most frequent pair of neighbouring tokens becomes a token, again
/// and again (Sennrich et al. 2016), within the pieces of GPT-2's pre-tokenization.
///
/// Pairs of equal frequency go by their ids, lower first: the same text gives the same vocabulary everywhere,
/// and the same as Hugging Face's trainer with `min_frequency=2`.
public struct BPETrainer {
    /// A distinct piece of text, as a run of `symbols`.
    private struct Word {
        var start: Int
        var length: Int
        var occurrences: Int
    }

    /// A pair and how often it occurred when it was put into the queue.
    private struct Candidate: Comparable {
        var count: Int
        var pair: UInt64

        static func < (a: Candidate, b: Candidate) -> Bool {
            a.count != b.count ? a.count < b.count : a.pair > b.pair
        }
    }

    private var words: [Word] = []
    private var symbols: [Int32] = []
    private var counts: [UInt64: Int] = [:]
    /// Words in which a pair has occurred; some may have lost it since.
    private var places: [UInt64: [Int32]] = [:]
    private var queue = Heap<Candidate>()

    /// A tokenizer of exactly `vocabularySize` entries: 256 bytes, the merges, `<|endoftext|>`.
    ///
    /// It learns from the text's articles alone, and a pair must occur twice to be merged.
    ///
    /// - Throws: `vocabularySize` and `textTooSmallForVocabulary`.
    public static func train(
        on text: Text, vocabularySize: Int
    ) throws(CorpusError) -> ByteLevelBPE {
        let sizes = ByteLevelBPE.smallestVocabulary...ByteLevelBPE.largestVocabulary
        guard sizes.contains(vocabularySize) else {
            throw .vocabularySize(asked: vocabularySize)
        }
        var trainer = BPETrainer(text)
        let wanted = vocabularySize - ByteLevelBPE.smallestVocabulary
        let merges = trainer.learn(atMost: wanted)
        guard merges.count == wanted else {
            throw .textTooSmallForVocabulary(
                path: text.name, asked: vocabularySize,
                largest: ByteLevelBPE.smallestVocabulary + merges.count)
        }
        let files = VocabularyWriter(merges: merges)
        return try ByteLevelBPE(TokenizerFiles(.gpt2, [files.encoder, files.merges]))
    }

    private init(_ text: Text) {
        var table = WordTable()
        var occurrences: [Int] = []
        let preTokenizer = PreTokenizer(.words)
        for article in text.articles {
            let article = text.bytes.span.extracting(article)
            var start = 0
            while start < article.count {
                let end = preTokenizer.endOfPiece(in: article, from: start)
                let (number, isNew) = table.insert(article.extracting(start..<end))
                if isNew { occurrences.append(0) }
                occurrences[number] += 1
                start = end
            }
        }
        var idOfByte = [Int32](repeating: 0, count: 256)
        for (id, byte) in ByteAlphabet.order.enumerated() { idOfByte[Int(byte)] = Int32(id) }
        symbols = table.bytes.map { idOfByte[Int($0)] }
        for number in 0..<table.count {
            let range = table.range(of: number)
            words.append(
                Word(
                    start: range.lowerBound, length: range.count,
                    occurrences: occurrences[number]))
            for i in range.dropLast() {
                add(MergeTable.pair(symbols[i], symbols[i + 1]), word: number)
            }
        }
        for (pair, count) in counts { queue.insert(Candidate(count: count, pair: pair)) }
    }

    /// Merges until there are `limit` or no pair occurs twice.
    private mutating func learn(atMost limit: Int) -> [(left: Int32, right: Int32)] {
        var merges: [(left: Int32, right: Int32)] = []
        while merges.count < limit, let best = queue.popMax() {
            // Counts only fall while a candidate waits: what rises is queued anew.
            let count = counts[best.pair] ?? 0
            if count != best.count {
                if count > 0 { queue.insert(Candidate(count: count, pair: best.pair)) }
                continue
            }
            guard count >= 2 else { break }
            let (left, right) = MergeTable.ids(best.pair)
            merge(left, right, into: Int32(256 + merges.count))
            merges.append((left, right))
        }
        return merges
    }

    /// Replaces the pair by `token` in every word that has it.
    private mutating func merge(_ left: Int32, _ right: Int32, into token: Int32) {
        let pair = MergeTable.pair(left, right)
        var risen: Set<UInt64> = []
        var visited: Int32 = -1
        // Words come in ascending order, repeated where the pair occurs more than once.
        for number in places.removeValue(forKey: pair) ?? [] where number != visited {
            visited = number
            merge(left, right, into: token, word: Int(number), risen: &risen)
        }
        counts[pair] = nil
        for pair in risen {
            if let count = counts[pair], count > 0 {
                queue.insert(Candidate(count: count, pair: pair))
            }
        }
    }

    private mutating func merge(
        _ left: Int32, _ right: Int32, into token: Int32, word number: Int,
        risen: inout Set<UInt64>
    ) {
        let word = words[number]
        let end = word.start + word.length
        var (from, to) = (word.start, word.start)
        while from < end {
            guard from + 1 < end, symbols[from] == left, symbols[from + 1] == right else {
                symbols[to] = symbols[from]
                (from, to) = (from + 1, to + 1)
                continue
            }
            if to > word.start {
                let before = symbols[to - 1]
                counts[MergeTable.pair(before, left), default: 0] -= word.occurrences
                let made = MergeTable.pair(before, token)
                add(made, word: number)
                risen.insert(made)
            }
            if from + 2 < end {
                let after = symbols[from + 2]
                counts[MergeTable.pair(right, after), default: 0] -= word.occurrences
                let made = MergeTable.pair(token, after)
                add(made, word: number)
                risen.insert(made)
            }
            symbols[to] = token
            (from, to) = (from + 2, to + 1)
        }
        words[number].length = to - word.start
    }

    /// Counts one occurrence of `pair` in a word.
    private mutating func add(_ pair: UInt64, word number: Int) {
        counts[pair, default: 0] += words[number].occurrences
        places[pair, default: []].append(Int32(number))
    }
}
