import Kernels
import Model

// B sequences of L tokens, T a segment's; H query heads on G key/value heads of width d, so many of them a group; K levels;
// r, rv a level's columns; n rows looked at.

/// What the loss rises by, in nats, where one row of one layer attends at a level, estimated for every level of a list:
///
///     ΔL̂ = ½ (Σ_h dO_h · (O_r,h − O_h))²
///
/// with dO the gradient of the loss by the heads' outputs, targets being drawn from the model's own softmax: the curvature of
/// the loss is then dO's second moment (the Fisher information), and its slope vanishes on average.
///
/// The dot product makes attention scalar: with q′ = q Bq, k′ = (k − μ) Bk, v′ = v C and dO′ = dO D,
/// dO · O_r = Σ_j p_j a_j, p the softmax of q′[:r]·k′_j[:r] / √d and a_j = dO′[:rv]·v′_j[:rv], all d columns taking part where
/// key j is exact. Scores and a are prefix sums over columns, so the list costs two products of d columns a row and key,
/// an exponential for each score rank, and a multiply-add for each level.
public struct LossEstimate: Sendable {
    let shape: AttentionShape
    let columns: LevelColumns
    /// K.
    let levels: Int
    let exact: ExactTokens
    /// T.
    let segment: Int
    let team: Team

    /// - Parameters:
    ///   - levels: what happens to the keys that are not exact.
    ///   - segment: T, by which recent keys are exact.
    public init(_ shape: AttentionShape, levels: [Level], exact: ExactTokens, segment: Int, team: Team) {
        precondition(segment >= 1)
        self.shape = shape
        columns = LevelColumns(levels, headWidth: shape.headWidth)
        self.levels = levels.count
        self.exact = exact
        self.segment = segment
        self.team = team
    }

    /// ΔL̂ of every level at `rows`.
    ///
    /// - Parameters:
    ///   - seen: full attention of the layer in a pass whose targets the model drew.
    ///   - basis: the layer's.
    ///   - rows: by sequence and position, ascending.
    ///   - scale: what `loss` was given, which is undone.
    public func losses(
        of seen: ObservedAttention, basis: AttentionBasis, rows: [LookedRow], scale: Float
    ) -> EstimatedLosses {
        let batch = seen.batch, H = shape.heads, d = shape.headWidth
        precondition(scale != 0 && basis.query.count == shape.keyValueHeads * d * d)
        precondition(zip(rows, rows.dropFirst()).allSatisfy { ($0.sequence, $0.position) < ($1.sequence, $1.position) })
        precondition(rows.allSatisfy { (0..<batch.sequences).contains($0.sequence) && (0..<batch.length).contains($0.position) })
        let far = turnedKeys(seen, basis)
        // Σ_j p_j a_j of each row, head and level, less that of d:d.
        let changes = Buffer<Double>(uninitialized: rows.count * H * levels)
        let tiles = RowTile.all(of: rows, group: shape.group), G = shape.keyValueHeads
        let scratch = (0..<team.threads).map { _ in TileScratch(columns, rows: RowTile.rows(group: shape.group), headWidth: d) }
        team.tasks(tiles.count * G) { task, thread in
            // Those with the most keys first, so that threads finish together.
            let tile = tiles[tiles.count - 1 - task / G]
            look(tile, head: task % G, seen, basis, far, scratch[thread], into: changes)
        }
        let losses = Buffer<Double>(uninitialized: rows.count * levels)
        let factor = 0.5 / (Double(scale) * Double(scale))
        for row in rows.indices {
            for level in 0..<levels {
                let change = (0..<H).reduce(0.0) { $0 + changes[(row * H + $1) * levels + level] }
                losses[row * levels + level] = factor * change * change
            }
        }
        return EstimatedLosses(rows: rows, levels: levels, values: losses)
    }

    /// Keys and values in the bases: [B, G, L, d] each.
    struct TurnedKeys: Sendable {
        let keys, values: Buffer<Float>
    }

    /// k′ = (k − μ) Bk and v′ = v C of every token.
    private func turnedKeys(_ seen: ObservedAttention, _ basis: AttentionBasis) -> TurnedKeys {
        let (L, G, d) = (seen.batch.length, shape.keyValueHeads, shape.headWidth), count = seen.batch.sequences * G
        let turned = TurnedKeys(
            keys: Buffer(uninitialized: count * L * d), values: Buffer(uninitialized: count * L * d))
        let piece = 256, pieces = (L + piece - 1) / piece, solo = team.solo
        let centred = (0..<team.threads).map { _ in Buffer<Float>(uninitialized: piece * d) }
        team.tasks(count * pieces) { task, thread in
            let b = task / pieces / G, g = task / pieces % G, first = task % pieces * piece, n = min(piece, L - first)
            let keys = part(seen.qkv, shape.columns(of: shape.keys, head: g), row: b * L + first, rows: n)
            let values = part(seen.qkv, shape.columns(of: shape.values, head: g), row: b * L + first, rows: n)
            let mean = basis.keyMean[(g * d)..<((g + 1) * d)], own = Matrix(centred[thread], rows: n, columns: d)
            for i in 0..<n {
                for c in 0..<d { own.pointer[i * d + c] = keys.pointer[i * keys.stride + c] - mean[c] }
            }
            let place = ((b * G + g) * L + first) * d
            func into(_ all: Buffer<Float>) -> Matrix { Matrix(all[place..<(place + n * d)], rows: n, columns: d) }
            solo.gemm(own, matrix(basis.key, g), into: into(turned.keys), .policy)
            solo.gemm(values, matrix(basis.value, g), into: into(turned.values), .policy)
        }
        return turned
    }

    /// Columns of a few rows of queries, keys and values side by side.
    private func part(_ qkv: Buffer<Float>, _ columns: Range<Int>, row: Int, rows: Int) -> Matrix {
        let first = row * shape.columns + columns.lowerBound
        return Matrix(qkv[first..<qkv.count], rows: rows, columns: columns.count, stride: shape.columns)
    }

    /// Head g's matrix of a basis.
    func matrix(_ bases: Buffer<Float>, _ g: Int) -> Matrix {
        let d = shape.headWidth
        return Matrix(bases[(g * d * d)..<((g + 1) * d * d)], rows: d, columns: d)
    }
}
