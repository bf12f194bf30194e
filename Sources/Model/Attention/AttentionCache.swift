import Kernels

// B sequences of at most L positions; H query heads on G key/value heads of width d; r, rv columns of keys and values.

/// What a layer's attention keeps of the positions so far of B sequences, laid out as the sublayer that made it has it.
package struct AttentionCache: Sendable {
    /// B.
    package let sequences: Int
    /// L.
    package let length: Int
    let memory: Buffer<Float>

    /// Bytes that are allocated.
    package var bytes: Int { memory.count * MemoryLayout<Float>.stride }
}

extension AttentionSublayer {
    /// Memory for `advance`, for `sequences` sequences of at most `length` positions.
    package func makeCache(sequences: Int, length: Int) -> AttentionCache {
        AttentionCache(
            sequences: sequences, length: length,
            memory: Buffer(uninitialized: bytes(sequences: sequences, length: length) / MemoryLayout<Float>.stride))
    }
}

/// What a sublayer writes on its way through one position of B sequences.
package struct AttentionRow: Sendable {
    /// [B, (H + 2 G) d] queries, keys and values, or queries as the sublayer lays them out.
    let qkv: Buffer<Float>
    /// [B, H d] heads' outputs, before their map.
    let attended: Buffer<Float>
    /// Of each thread.
    let scores: [QueryScores]

    package init(_ shape: AttentionShape, sequences: Int, length: Int, team: Team) {
        qkv = Buffer(uninitialized: sequences * shape.columns)
        attended = Buffer(uninitialized: sequences * shape.width)
        scores = (0..<team.threads).map { _ in QueryScores(length: length) }
    }
}

/// Keys and values in a cache: [B, L, G r] and, after them, [B, L, G rv].
struct CachedHeads: Sendable {
    let keys, values: HeadRows
    private let length, sequences, heads: Int
    private let level: AttentionLevel

    /// Floats of such a cache.
    static func count(heads: Int, level: AttentionLevel, sequences: Int, length: Int) -> Int {
        sequences * length * heads * (level.scoreRank + level.valueRank)
    }

    /// - Parameter heads: G.
    init(_ cache: AttentionCache, heads: Int, level: AttentionLevel) {
        let (B, L) = (cache.sequences, cache.length), (r, rv) = (level.scoreRank, level.valueRank)
        precondition(
            cache.memory.count == Self.count(heads: heads, level: level, sequences: B, length: L),
            "a cache of \(cache.memory.count) floats for \(B) × \(L) rows of \(heads) heads at \(r):\(rv)")
        (length, sequences, self.heads, self.level) = (L, B, heads, level)
        let first = B * L * heads * r
        keys = HeadRows(cache.memory[0..<first], rowStride: heads * r, headStride: r)
        values = HeadRows(cache.memory[first..<cache.memory.count], rowStride: heads * rv, headStride: rv)
    }

    /// The keys at a position of every sequence: [B, G r].
    func keys(at position: Int) -> Matrix { rows(keys, at: position) }

    /// The values there: [B, G rv].
    func values(at position: Int) -> Matrix { rows(values, at: position) }

    private func rows(_ all: HeadRows, at position: Int) -> Matrix {
        precondition(position < length, "position \(position) of \(length)")
        let first = position * all.rowStride
        return Matrix(
            all.buffer[first..<all.buffer.count], rows: sequences, columns: all.rowStride, stride: length * all.rowStride)
    }
}
