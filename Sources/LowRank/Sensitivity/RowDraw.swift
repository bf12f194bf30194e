import Kernels
import Model

/// A query row of a micro-batch.
public struct LookedRow: Hashable, Sendable {
    /// Its sequence's place in the micro-batch.
    public let sequence: Int
    /// Its position in the sequence.
    public let position: Int

    public init(sequence: Int, position: Int) {
        self.sequence = sequence
        self.position = position
    }
}

/// Which query rows are looked at: every n-th of a sequence from one drawn among the first n, so that each is as likely as any
/// other; a pure function of (seed, pass, sample, layer).
public struct RowDraw: Sendable {
    /// n.
    public let every: Int
    private let generator: Philox

    /// - Parameter pass: the number of the pass, which draws anew.
    public init(every: Int, seed: UInt64, pass: UInt64) {
        precondition(every >= 1, "every \(every)-th row")
        self.every = every
        generator = Philox(key: seed).derived(number: pass, purpose: RandomPurpose.estimatedRows)
    }

    /// So many of a sequence of `length` at most.
    public func most(of length: Int) -> Int { (length + every - 1) / every }

    /// A layer's, by sequence and position; a sequence shorter than n may have none.
    public func rows(of batch: MicroBatch, layer: Int) -> [LookedRow] {
        batch.samples.enumerated().flatMap { b, sample in
            let first = Int(generator.uniform(UInt32(layer), 0, sample.low, sample.high) * Double(every))
            return stride(from: first, to: batch.length, by: every).map { LookedRow(sequence: b, position: $0) }
        }
    }
}
