import Kernels

/// Tokens in a row, of a shard or in memory; a slice of them reads the same ones.
public struct Tokens: Sendable {
    private enum Source {
        case shard(Shard)
        case memory(Buffer<Int32>)
    }

    private let source: Source
    /// Those of the source.
    private let range: Range<Int>

    /// All of a shard.
    public init(_ shard: Shard) {
        source = .shard(shard)
        range = 0..<shard.count
    }

    /// All of a buffer.
    public init(_ buffer: Buffer<Int32>) {
        source = .memory(buffer)
        range = 0..<buffer.count
    }

    private init(_ source: Source, _ range: Range<Int>) {
        self.source = source
        self.range = range
    }

    /// Number of tokens.
    public var count: Int { range.count }

    /// Those in `part`, counted from 0.
    public subscript(part: Range<Int>) -> Tokens {
        precondition(part.lowerBound >= 0 && part.upperBound <= count, "tokens \(part) of \(count)")
        return Tokens(source, (range.lowerBound + part.lowerBound)..<(range.lowerBound + part.upperBound))
    }

    /// Copies them to the front of `destination`, which has room for them.
    public func read(into destination: Buffer<Int32>) {
        switch source {
        case .shard(let shard): shard.read(range, into: destination)
        case .memory(let buffer): destination[0..<count].copy(from: buffer[range])
        }
    }

    /// All of them, copied.
    public var array: [Int32] {
        let all = Buffer<Int32>(uninitialized: count)
        read(into: all)
        return all.array
    }

    /// Copies a window: the tokens that it reads and, at the row of the token before each, those that it predicts.
    ///
    /// Rows beyond are input 0, and rows that predict nothing have target −1, which counts for nothing.
    ///
    /// - Parameters:
    ///   - read: at most as many as there are rows.
    ///   - predicted: up to the token after the last that is read.
    ///   - inputs: [rows].
    ///   - targets: [rows].
    public func readWindow(
        _ read: Range<Int>, predicting predicted: Range<Int>, inputs: Buffer<Int32>, targets: Buffer<Int32>
    ) {
        precondition(inputs.count == targets.count, "\(inputs.count) inputs for \(targets.count) targets")
        let first = predicted.lowerBound - 1 - read.lowerBound
        self[read].read(into: inputs)
        inputs[read.count..<inputs.count].fill(0)
        targets.fill(-1)
        self[predicted].read(into: targets[first..<(first + predicted.count)])
    }
}

extension Tokenizer {
    /// Gives the tokens of a text, article by article, each ended by the end of text.
    public func encode<Failure: Error>(_ text: Text, each: ([Int32]) throws(Failure) -> Void) throws(Failure) {
        for article in text.articles { try each(encode(text.bytes.span.extracting(article)) + [endOfText]) }
    }
}
