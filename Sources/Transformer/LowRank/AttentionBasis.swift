import Kernels

/// The bases of one layer: q′ = q Bq, k′ = k Bk, v′ = v P, columns ordered by weight, so that rank r is the first r columns.
/// Bq Bkᵀ and P Pᵀ are the identity, so at rank d nothing changes. Each of G heads of keys and values has its own, shared by
/// the query heads that read it.
public struct AttentionBasis: Sendable {
    /// [G, d, d] Bq, row-major.
    public let query: Buffer<Float>
    /// [G, d, d] Bk.
    public let key: Buffer<Float>
    /// [G, d, d] P, orthogonal.
    public let value: Buffer<Float>

    public init(query: Buffer<Float>, key: Buffer<Float>, value: Buffer<Float>) {
        precondition(query.count == key.count && key.count == value.count)
        self.query = query
        self.key = key
        self.value = value
    }

    /// Bases that change nothing.
    public static func identity(heads: Int, headWidth d: Int) -> AttentionBasis {
        func identity() -> Buffer<Float> {
            let all = Buffer<Float>(count: heads * d * d, repeating: 0)
            for h in 0..<heads { for i in 0..<d { all[(h * d + i) * d + i] = 1 } }
            return all
        }
        return AttentionBasis(query: identity(), key: identity(), value: identity())
    }
}
