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

/// Where a row of a cache stands.
package struct CachePlace: Equatable, Sendable {
    /// The sequence's number in the cache.
    package let sequence: Int
    package let position: Int

    package init(sequence: Int, position: Int) {
        self.sequence = sequence
        self.position = position
    }
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
    /// [B, (H + 2 G) d] queries, keys and values as the sublayer lays them out.
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
