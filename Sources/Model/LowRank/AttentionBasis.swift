import Kernels

/// The bases of one layer: q′ = q Bq, k′ = (k − μ) Bk, v′ = v C, o = o′ Dᵀ, columns ordered by weight, so that level r:rv is
/// the first r columns of queries and keys and the first rv of values and outputs. Bq Bkᵀ and C Dᵀ are the identity, and μ
/// moves all scores of a row alike, which softmax does not see: at d:d nothing changes. Each of G heads of keys and values
/// has its own, shared by the query heads that read it.
public struct AttentionBasis: Sendable {
    /// [G, d, d] Bq, row-major.
    public let query: Buffer<Float>
    /// [G, d, d] Bk.
    public let key: Buffer<Float>
    /// [G, d, d] C.
    public let value: Buffer<Float>
    /// [G, d, d] D; C itself where that is orthogonal.
    public let output: Buffer<Float>
    /// [G, d] μ, what is taken from every key, after its rotation where positions rotate.
    public let keyMean: Buffer<Float>

    /// - Parameters:
    ///   - output: `value` unless told, which is then orthogonal.
    ///   - keyMean: zeros unless told.
    public init(
        query: Buffer<Float>, key: Buffer<Float>, value: Buffer<Float>, output: Buffer<Float>? = nil,
        keyMean: Buffer<Float>? = nil, headWidth d: Int
    ) {
        precondition(query.count == key.count && key.count == value.count && query.count % (d * d) == 0)
        precondition(output.map { $0.count == value.count } ?? true)
        precondition(keyMean.map { $0.count * d == key.count } ?? true)
        self.query = query
        self.key = key
        self.value = value
        self.output = output ?? value
        self.keyMean = keyMean ?? Buffer(count: key.count / d, repeating: 0)
    }

    /// Bases that change nothing, each with memory of its own.
    public static func identity(heads: Int, headWidth d: Int) -> AttentionBasis {
        func identity() -> Buffer<Float> {
            let all = Buffer<Float>(count: heads * d * d, repeating: 0)
            for h in 0..<heads { for i in 0..<d { all[(h * d + i) * d + i] = 1 } }
            return all
        }
        return AttentionBasis(
            query: identity(), key: identity(), value: identity(), output: identity(), headWidth: d)
    }
}
