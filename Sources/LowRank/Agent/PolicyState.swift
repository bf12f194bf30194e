import Kernels
import Model

// E episodes (a layer of a sequence each) of S segments of T tokens; D width, C pieces, F facts.

/// What the policy sees of some episodes: of each segment only what was known before it.
public struct PolicyState: Sendable {
    /// Most pieces that a segment is pooled into.
    static let mostPieces = 8

    /// E and S.
    public let episodes, segments: Int
    /// C.
    let pieces: Int
    /// [E, S, C + 2, D] means of the pieces of the *previous* segment's attention input, between two rows of zeros, which
    /// the convolution needs at both ends; all zeros in the first segment. Two more rows of zeros follow.
    let pooled: Buffer<Float>
    /// [E, S, F].
    let facts: Buffer<Float>
    /// [E, S] index of the previous segment's level plus 1; 0 in the first segment.
    public let previous: Buffer<Int32>

    /// One layer of each sequence of a micro-batch; `previous` is filled in as levels are chosen.
    ///
    /// - Parameters:
    ///   - x: [B L, D] what the layer's attention reads.
    ///   - segment: T.
    public init(_ x: Matrix, batch: MicroBatch, segment T: Int, layer: LayerFacts, on team: Team) {
        let D = x.columns, L = batch.length, S = (L + T - 1) / T, C = min(Self.mostPieces, T), F = layer.values.count + 1
        let pooled = Buffer<Float>(count: (batch.sequences * S * (C + 2) + 2) * D, repeating: 0)
        let facts = Buffer<Float>(uninitialized: batch.sequences * S * F)
        team.tasks(batch.sequences * S) { row, _ in
            let b = row / S, s = row % S
            for (i, value) in layer.values.enumerated() { facts[row * F + i] = value }
            facts[row * F + F - 1] = Self.place(of: s)
            guard s > 0 else { return }
            let first = b * L + (s - 1) * T
            for c in 0..<C {
                let target = (row * (C + 2) + 1 + c) * D
                meanRows(x.rows((first + T * c / C)..<(first + T * (c + 1) / C)), into: pooled[target..<(target + D)])
            }
        }
        episodes = batch.sequences
        segments = S
        pieces = C
        self.pooled = pooled
        self.facts = facts
        previous = Buffer(count: batch.sequences * S, repeating: 0)
    }

    /// How far into the sequence segment `s` is, about 0 … 1.
    private static func place(of s: Int) -> Float {
        var (octaves, left) = (Float(0), Float(s + 1))
        while left >= 2 { (octaves, left) = (octaves + 1, left / 2) }
        return (octaves + left - 1) / 8
    }
}
