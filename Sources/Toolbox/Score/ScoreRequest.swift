import Corpus
import JSON
import Options

/// A continuation whose likelihood is asked for, as tokens.
struct ScoreRequest: Codable, Equatable {
    /// Context and continuation.
    let tokens: [Int32]
    /// How many of them, the last, are predicted; at least one, and one is read before them.
    let predicted: Int
    /// Tokens of the context that did not fit and were left out.
    let leftOut: Int

    /// What the model reads.
    var inputs: ArraySlice<Int32> { tokens.dropLast() }

    /// As lm-evaluation-harness encodes a pair (`_encode_pair`): white space at the end of the context goes to the
    /// continuation; the two are encoded together, and what is beyond the context's own number of tokens is predicted. Of
    /// more than `context` inputs the last are read.
    ///
    /// - Parameters:
    ///   - start: what is read where the context is empty.
    ///   - context: L, the most tokens that are read.
    /// - Throws: `Fault` where no token is the continuation's own, or they are too many.
    init(
        _ before: String, _ continuation: String, _ tokenizer: some Tokenizer, start: Int32, context: Int
    ) throws(Fault) {
        let scalars = before.unicodeScalars
        let end = scalars.lastIndex { !$0.isPythonSpace }.map { scalars.index(after: $0) } ?? scalars.startIndex
        var read = tokenizer.encode(String(scalars[..<end]))
        var own = Array(tokenizer.encode(before + continuation).dropFirst(read.count))
        if read.isEmpty, let first = own.first {
            if first == start { own.removeFirst() }
            read = [start]
        }
        guard !own.isEmpty else { throw Fault("\(quoted(continuation)) adds no token to its context") }
        guard own.count <= context else {
            throw Fault("\(quoted(continuation)) is \(own.count) tokens; \(context) are read at most")
        }
        let all = read + own
        tokens = all.suffix(context + 1)
        predicted = own.count
        leftOut = all.count - tokens.count
    }
}

extension ScoredTask {
    /// The requests of all items in order, one a choice.
    ///
    /// - Parameters:
    ///   - path: of the file, for messages.
    ///   - start, context: as of a `ScoreRequest`.
    /// - Throws: `UnusableFileError` that names file and line.
    func requests(
        _ tokenizer: some Tokenizer, start: Int32, context: Int, path: String
    ) throws(UnusableFileError) -> [ScoreRequest] {
        var requests: [ScoreRequest] = []
        for item in items {
            for choice in item.choices {
                do {
                    requests.append(
                        try ScoreRequest(item.context, " " + choice, tokenizer, start: start, context: context))
                } catch {
                    throw UnusableFileError("--task \(path), line \(item.line): \(error.problem)")
                }
            }
        }
        return requests
    }
}

/// Requests of similar length that go through the model at once.
struct ScoreBatch: Equatable {
    /// Tokens that each sequence is padded to.
    let length: Int
    /// Which requests.
    let requests: [Int]

    /// Lengths are multiples of this, so that there are few.
    private static let grain = 16

    /// All requests, the longest first: as many a batch as `rows` hold. They depend on no rank, so that every number of ranks
    /// computes the same.
    ///
    /// - Parameter context: the most tokens of a sequence.
    static func all(_ requests: [ScoreRequest], rows: Int, context: Int) -> [ScoreBatch] {
        let order = requests.indices.sorted { (-requests[$0].tokens.count, $0) < (-requests[$1].tokens.count, $1) }
        var batches: [ScoreBatch] = [], next = 0
        while next < order.count {
            let length = paddedLength(requests[order[next]].inputs.count, context: context)
            let end = min(next + max(1, rows / length), order.count)
            batches.append(ScoreBatch(length: length, requests: Array(order[next..<end])))
            next = end
        }
        return batches
    }

    static func paddedLength(_ count: Int, context: Int) -> Int { min((count + grain - 1) / grain * grain, context) }
}
