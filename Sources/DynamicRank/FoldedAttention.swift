import COpenBLAS
import Kernels

// D width, H heads, d = D / H, s score rank, v value rank. Weights are [in, out] as in Hugging Face's Conv1D.

/// A layer's attention weights in the bases of its heads: x W_q Bq is one product with the folded weight.
///
/// Folded in float64 and rounded once. At ranks (d, d) the projection has the shape of `c_attn` and any lower rank is the
/// first columns of each head; at a lower level the projection itself is shorter.
public struct FoldedAttention: Sendable {
    public let level: Level
    /// H.
    public let heads: Int
    /// [D, H (2s + v)]: the columns of all heads' queries, then keys, then values.
    public let weight: Buffer<Float>
    /// [H (2s + v)].
    public let bias: Buffer<Float>
    /// [H v, D]: P_rᵀ W_o, which lifts each head's output from rank v; `c_proj.bias` goes with it unchanged.
    public let projection: Buffer<Float>

    /// Columns of `weight`.
    public var columns: Int { heads * (2 * level.scoreRank + level.valueRank) }

    /// attention: [D, 3D], attentionBias: [3D], projection: [D, D]; one basis a head. The default level is (d, d).
    public init(
        attention: Buffer<Float>, attentionBias: Buffer<Float>, projection: Buffer<Float>, bases: [HeadBasis],
        level: Level? = nil, on team: Team
    ) {
        let H = bases.count
        precondition(H > 0, "at least one head")
        let d = bases[0].headWidth, D = H * d
        precondition(
            attention.count == 3 * D * D && attentionBias.count == 3 * D && projection.count == D * D
                && bases.allSatisfy { $0.headWidth == d })
        let level = level ?? Level(scoreRank: d, valueRank: d)
        let s = level.scoreRank, v = level.valueRank
        precondition(s >= 1 && s <= d && v >= 1 && v <= d, "level \(level) at head width \(d)")
        let columns = H * (2 * s + v)
        let weight = Buffer<Float>(uninitialized: D * columns), bias = Buffer<Float>(uninitialized: columns)
        let lift = Buffer<Float>(uninitialized: H * v * D)
        team.tasks(4 * H) { task, _ in
            // Queries, keys, values, then the projection.
            let head = task / 4, part = task % 4, basis = bases[head]
            if part < 3 {
                let (full, rank) = [(basis.query, s), (basis.key, s), (basis.value, v)][part]
                let b = full.leadingColumns(rank)
                let from = part * D + head * d, to = part * H * s + head * rank
                let w = widened(attention, first: from, rows: D, columns: d, stride: 3 * D)
                narrow(.product(w, b), into: weight, first: to, stride: columns)
                let row = widened(attentionBias, first: from, rows: 1, columns: d, stride: d)
                narrow(.product(row, b), into: bias, first: to, stride: columns)
            } else {
                let w = widened(projection, first: head * d * D, rows: d, columns: D, stride: D)
                narrow(
                    .product(basis.value.leadingColumns(v), w, transposeA: true), into: lift, first: head * v * D, stride: D)
            }
        }
        self.level = level
        heads = H
        self.weight = weight
        self.bias = bias
        self.projection = lift
    }
}

/// Part of a float32 matrix as float64.
private func widened(_ source: Buffer<Float>, first: Int, rows: Int, columns: Int, stride: Int) -> DenseMatrix {
    let result = DenseMatrix(Buffer(uninitialized: rows * columns), rows: rows, columns: columns)
    let from = source[first..<(first + (rows - 1) * stride + columns)].pointer, to = result.values.pointer
    for i in 0..<rows {
        for j in 0..<columns { to[i * columns + j] = Double(from[i * stride + j]) }
    }
    return result
}

/// Rounds `source` into part of a float32 matrix.
private func narrow(_ source: DenseMatrix, into target: Buffer<Float>, first: Int, stride: Int) {
    let to = target[first..<(first + (source.rows - 1) * stride + source.columns)].pointer
    let from = source.values.pointer
    for i in 0..<source.rows {
        for j in 0..<source.columns { to[i * stride + j] = Float(from[i * source.columns + j]) }
    }
}
