import CKernels
import Kernels
import Transformer

// One sequence of L tokens; D width, H heads of width d; n rows looked at, K levels tried on each.

/// sim(O_full, O_r) of Eq. 12: the cosine between the outputs of full and of truncated attention, all heads side by side
/// and before their projection, at a few query rows.
///
/// Keys and values at full width are not there, and making them would cost as much as the saving. They are not needed:
/// with q̃ = q, or q̃ = Bk_r Bq_rᵀ q where scores are truncated, q̃ · k_j = (W_k q̃) · x_j + q̃ · b_k, and Σ p_j v_j =
/// W_vᵀ (Σ p_j x_j) + b_v. So a row costs two products with the layer's input for each head and score rank.
public struct RewardMeter: Sendable {
    /// H and d.
    let heads, headWidth: Int
    let basis: AttentionBasis
    let team: Team

    public init(heads: Int, headWidth: Int, basis: AttentionBasis, team: Team) {
        self.heads = heads
        self.headWidth = headWidth
        self.basis = basis
        self.team = team
    }

    private var width: Int { heads * headWidth }

    /// One sequence's part of what attention reads.
    public struct Sequence: Sendable {
        /// [L, D].
        let x: Matrix
        /// [D, 3D] and [3D].
        let weight: Matrix
        let bias: Buffer<Float>

        public init(x: Matrix, weight: Matrix, bias: Buffer<Float>) {
            self.x = x
            self.weight = weight
            self.bias = bias
        }
    }

    /// The cosine at each of `rows`, which increase, for each of `levels`: [n][K].
    public func cosines(_ sequence: Sequence, rows: [Int], levels: [Level]) -> [[Double]] {
        guard let last = rows.last, !levels.isEmpty else { return rows.map { _ in [] } }
        let n = rows.count, D = width, d = headWidth
        let ranks = Array(Set(levels.map(\.scoreRank))).sorted()
        let variants = 1 + ranks.count, m = variants * heads * n
        let keyed = Buffer<Float>(uninitialized: m * D)
        keyQueries(sequence, rows, ranks, into: keyed)

        // Rows of `keyed` by head, variant and row; the constant q̃ · b_k changes no softmax.
        let seen = sequence.x.rows(0..<(last + 1))
        let scores = Buffer<Float>(uninitialized: m * (last + 1)), sums = Buffer<Float>(count: m, repeating: 0)
        team.gemm(
            Matrix(keyed, rows: m, columns: D), seen.transposed, into: Matrix(scores, rows: m, columns: last + 1),
            alpha: 1 / Float(d).squareRoot(), .policy)
        team.tasks(m) { i, _ in softmax(scores, row: i, columns: last + 1, visible: rows[i % n] + 1, sums) }
        let mixed = Buffer<Float>(uninitialized: m * D)
        team.gemm(Matrix(scores, rows: m, columns: last + 1), seen, into: Matrix(mixed, rows: m, columns: D), .policy)
        let outputs = Buffer<Float>(uninitialized: m * d)
        values(sequence, mixed, sums, rows: n, variants: variants, into: outputs)
        return compare(outputs, rows: n, levels: levels, ranks: ranks)
    }

    /// W_k q̃ of every head, variant (full first, then by rank) and row: [H (1 + ranks) n, D].
    private func keyQueries(_ sequence: Sequence, _ rows: [Int], _ ranks: [Int], into keyed: Buffer<Float>) {
        let n = rows.count, D = width, d = headWidth
        let x = Buffer<Float>(uninitialized: n * D), queries = Buffer<Float>(uninitialized: n * D)
        for (i, row) in rows.enumerated() {
            let own = sequence.x.rows(row..<(row + 1))
            for j in 0..<D { x[i * D + j] = own.pointer[j] }
        }
        linearForward(
            Matrix(x, rows: n, columns: D), weight: sequence.weight.columns(0..<D), bias: sequence.bias[0..<D],
            into: queries, .policy, on: team)
        let all = Matrix(queries, rows: n, columns: D)
        let variants = 1 + ranks.count, reduced = Buffer<Float>(uninitialized: n * d)
        // q̃ of one head, variant by variant.
        let own = Buffer<Float>(uninitialized: variants * n * d), tilde = Matrix(own, rows: variants * n, columns: d)
        for h in 0..<heads {
            let q = all.columns((h * d)..<((h + 1) * d))
            for i in 0..<n {
                let first = i * D + h * d
                own[(i * d)..<((i + 1) * d)].copy(from: queries[first..<(first + d)])
            }
            for (v, r) in ranks.enumerated() {
                let part = Matrix(reduced, rows: n, columns: r)
                team.gemm(q, base(basis.query, h).columns(0..<r), into: part, .policy)
                team.gemm(
                    part, base(basis.key, h).columns(0..<r).transposed, into: tilde.rows(((v + 1) * n)..<((v + 2) * n)),
                    .policy)
            }
            let rows = (h * variants * n * D)..<((h + 1) * variants * n * D)
            team.gemm(
                tilde, sequence.weight.columns((D + h * d)..<(D + (h + 1) * d)).transposed,
                into: Matrix(keyed[rows], rows: variants * n, columns: D), .policy)
        }
    }

    private func base(_ bases: Buffer<Float>, _ h: Int) -> Matrix {
        let d = headWidth
        return Matrix(bases[(h * d * d)..<((h + 1) * d * d)], rows: d, columns: d)
    }

    /// exp(score − largest) in place, zero beyond the visible; their sum apart.
    private func softmax(_ scores: Buffer<Float>, row: Int, columns: Int, visible: Int, _ sums: Buffer<Float>) {
        let largest = Buffer<Float>(count: 1, repeating: -.greatestFiniteMagnitude)
        team.flops.exponentials(visible)
        drrl_softmax_tile_forward(
            scores.pointer + row * columns, columns, 1, columns, visible, largest.pointer, sums.pointer + row,
            largest.pointer, 0)
    }

    /// W_vᵀ y / sum + b_v of every head, variant and row: [H, variants, n, d].
    private func values(
        _ sequence: Sequence, _ mixed: Buffer<Float>, _ sums: Buffer<Float>, rows n: Int, variants: Int,
        into outputs: Buffer<Float>
    ) {
        let D = width, d = headWidth
        for h in 0..<heads {
            let columns = (2 * D + h * d)..<(2 * D + (h + 1) * d), bias = sequence.bias[columns]
            let count = variants * n, first = h * count
            team.gemm(
                Matrix(mixed[(first * D)..<((first + count) * D)], rows: count, columns: D),
                sequence.weight.columns(columns),
                into: Matrix(outputs[(first * d)..<((first + count) * d)], rows: count, columns: d), .policy)
            for i in first..<(first + count) {
                for j in 0..<d { outputs[i * d + j] = outputs[i * d + j] / sums[i] + bias[j] }
            }
        }
    }

    /// cos(o, P_rv P_rvᵀ o_r): in the coordinates of P, whose first rv columns are kept.
    private func compare(_ outputs: Buffer<Float>, rows n: Int, levels: [Level], ranks: [Int]) -> [[Double]] {
        let d = headWidth, variants = 1 + ranks.count
        let turned = Buffer<Float>(uninitialized: outputs.count)
        for h in 0..<heads {
            let own = (h * variants * n * d)..<((h + 1) * variants * n * d)
            team.gemm(
                Matrix(outputs[own], rows: variants * n, columns: d), base(basis.value, h),
                into: Matrix(turned[own], rows: variants * n, columns: d), .policy)
        }
        return (0..<n).map { i in
            func coordinate(_ v: Int, _ h: Int, _ j: Int) -> Double { Double(turned[((h * variants + v) * n + i) * d + j]) }
            var square = 0.0
            for h in 0..<heads { for j in 0..<d { square += coordinate(0, h, j) * coordinate(0, h, j) } }
            return levels.map { level in
                let v = 1 + (ranks.firstIndex(of: level.scoreRank) ?? 0)
                var (product, own) = (0.0, 0.0)
                for h in 0..<heads {
                    for j in 0..<level.valueRank {
                        product += coordinate(0, h, j) * coordinate(v, h, j)
                        own += coordinate(v, h, j) * coordinate(v, h, j)
                    }
                }
                return square > 0 && own > 0 ? product / (square * own).squareRoot() : (square == own ? 1 : 0)
            }
        }
    }
}
