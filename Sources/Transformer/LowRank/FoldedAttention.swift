import Kernels

// D width, H heads of width d; r a score rank, rv a value rank; R, Rv the largest of them.

/// One layer's attention weights with its bases multiplied in, packed at each rank in use: x (Wq Bq) gives q′ without
/// ever forming q, and a rank below d makes the products themselves smaller.
///
/// Fold once after the weights or the bases have changed; after the backward passes, `unfold` turns the gradients of the
/// folded weights into those of the weights, the bases held fixed.
public final class FoldedAttention: Sendable {
    /// Folded weights of every head at one rank, with their gradients; a bias is a matrix of one row.
    struct Packed: Sendable {
        let rank: Int
        let weight, weightGradient: Matrix
        let bias, biasGradient: Matrix

        init(rank: Int, rows: Int, columns: Int) {
            func zeros(_ rows: Int) -> Matrix {
                Matrix(Buffer(count: rows * columns, repeating: 0), rows: rows, columns: columns)
            }
            self.rank = rank
            (weight, weightGradient) = (zeros(rows), zeros(rows))
            (bias, biasGradient) = (zeros(1), zeros(1))
        }
    }

    /// By score rank: [D, H r].
    let queries: [Int: Packed]
    /// [D, H R] and [D, H Rv].
    let keys, values: Packed
    /// By value rank: [H rv, D], without a bias.
    let projections: [Int: Packed]
    private let heads, headWidth: Int
    private let basis: AttentionBasis

    /// For the levels that may be asked for, at least one. When `basis` is overwritten in place, fold again.
    public init(_ configuration: ModelConfiguration, levels: [AttentionLevel], basis: AttentionBasis) {
        let D = configuration.width, H = configuration.heads
        heads = H
        headWidth = configuration.headWidth
        self.basis = basis
        let scoreRanks = Set(levels.map(\.scoreRank)), valueRanks = Set(levels.map(\.valueRank))
        guard let largestScore = scoreRanks.max(), let largestValue = valueRanks.max(),
            largestScore <= headWidth, largestValue <= headWidth
        else { preconditionFailure("levels \(levels) for heads of width \(configuration.headWidth)") }
        queries = Dictionary(
            uniqueKeysWithValues: scoreRanks.map { ($0, Packed(rank: $0, rows: D, columns: H * $0)) })
        keys = Packed(rank: largestScore, rows: D, columns: H * largestScore)
        values = Packed(rank: largestValue, rows: D, columns: H * largestValue)
        projections = Dictionary(
            uniqueKeysWithValues: valueRanks.map { ($0, Packed(rank: $0, rows: H * $0, columns: D)) })
    }

    /// Shares the queries' and keys' folded weights of `other`; has values' of its own, in `valueBasis`, for these ranks.
    init(_ other: FoldedAttention, valueRanks: Set<Int>, valueBasis: Buffer<Float>) {
        let H = other.heads, D = H * other.headWidth
        heads = H
        headWidth = other.headWidth
        basis = AttentionBasis(query: other.basis.query, key: other.basis.key, value: valueBasis)
        queries = other.queries
        keys = other.keys
        values = Packed(rank: valueRanks.max() ?? 1, rows: D, columns: H * (valueRanks.max() ?? 1))
        projections = Dictionary(
            uniqueKeysWithValues: valueRanks.map { ($0, Packed(rank: $0, rows: H * $0, columns: D)) })
    }

    /// Multiplies the bases into the weights.
    func fold(_ parameters: BlockParameters, on team: Team) {
        foldInputs(parameters, 0..<3, on: team)
        foldOutputs(parameters, on: team)
        forEachNested(queries) { large, first, small, own in
            small.weight.columns(own).copy(from: large.weight.columns(first))
            small.bias.columns(own).copy(from: large.bias.columns(first))
        }
    }

    /// `fold` of values and outputs alone.
    func foldValues(_ parameters: BlockParameters, on team: Team) {
        foldInputs(parameters, 2..<3, on: team)
        foldOutputs(parameters, on: team)
    }

    private func foldInputs(_ parameters: BlockParameters, _ parts: Range<Int>, on team: Team) {
        forEachInput(parameters, parts) { weight, bias, base, pack, columns in
            team.gemm(weight, base, into: pack.weight.columns(columns), .upkeep)
            team.gemm(bias, base, into: pack.bias.columns(columns), .upkeep)
        }
    }

    private func foldOutputs(_ parameters: BlockParameters, on team: Team) {
        forEachOutput(parameters) { weight, base, pack, rows in
            team.gemm(base.transposed, weight, into: pack.weight.rows(rows), .upkeep)
        }
        forEachNested(projections) { large, first, small, own in
            small.weight.rows(own).copy(from: large.weight.rows(first))
        }
    }

    /// Adds the gradients of what was folded to `gradients`, and clears them.
    func unfold(into gradients: BlockParameters, on team: Team) {
        forEachNested(queries) { large, first, small, own in
            large.weightGradient.columns(first).add(small.weightGradient.columns(own))
            large.biasGradient.columns(first).add(small.biasGradient.columns(own))
        }
        forEachNested(projections) { large, first, small, own in
            large.weightGradient.rows(first).add(small.weightGradient.rows(own))
        }
        // dW = dW′ Bᵀ for what is multiplied from the right, dW = B dW′ for the output.
        forEachInput(gradients) { weight, bias, base, pack, columns in
            team.gemm(pack.weightGradient.columns(columns), base.transposed, into: weight, beta: 1, .upkeep)
            team.gemm(pack.biasGradient.columns(columns), base.transposed, into: bias, beta: 1, .upkeep)
        }
        forEachOutput(gradients) { weight, base, pack, rows in
            team.gemm(base, pack.weightGradient.rows(rows), into: weight, beta: 1, .upkeep)
        }
        for pack in [keys, values] + Array(queries.values) + Array(projections.values) {
            pack.weightGradient.fill(0)
            pack.biasGradient.fill(0)
        }
    }

    /// Bases are nested: what a head has at a rank below the largest is the first columns (queries) or rows (outputs) of
    /// what it has there, `first` of the largest pack's and `own` of the smaller one's.
    private func forEachNested(
        _ packs: [Int: Packed],
        _ body: (_ large: Packed, _ first: Range<Int>, _ small: Packed, _ own: Range<Int>) -> Void
    ) {
        let large = largest(packs)
        for small in ordered(packs) where small.rank < large.rank {
            for h in 0..<heads {
                let first = h * large.rank
                body(large, first..<(first + small.rank), small, (h * small.rank)..<((h + 1) * small.rank))
            }
        }
    }

    /// Every head of `parts`, of queries (0), keys (1) and values (2): its weight [D, d] and bias [1, d], the first columns
    /// of its basis [d, r] at the largest rank, and where it stands in the packed weights.
    private func forEachInput(
        _ parameters: BlockParameters, _ parts: Range<Int> = 0..<3,
        _ body: (_ weight: Matrix, _ bias: Matrix, _ base: Matrix, _ pack: Packed, _ columns: Range<Int>) -> Void
    ) {
        let d = headWidth, D = heads * d
        let bias = Matrix(parameters.attentionBias, rows: 1, columns: 3 * D)
        for (part, bases, pack) in [
            (0, basis.query, largest(queries)), (1, basis.key, keys), (2, basis.value, values),
        ][parts] {
            for h in 0..<heads {
                let own = (part * D + h * d)..<(part * D + (h + 1) * d)
                body(
                    parameters.attention.columns(own), bias.columns(own), base(bases, h, rank: pack.rank), pack,
                    (h * pack.rank)..<((h + 1) * pack.rank))
            }
        }
    }

    /// Every head's rows of the output projection, [d, D], with the first columns of its basis [d, Rv].
    private func forEachOutput(
        _ parameters: BlockParameters,
        _ body: (_ weight: Matrix, _ base: Matrix, _ pack: Packed, _ rows: Range<Int>) -> Void
    ) {
        let pack = largest(projections)
        for h in 0..<heads {
            body(
                parameters.attentionProjection.rows((h * headWidth)..<((h + 1) * headWidth)),
                base(basis.value, h, rank: pack.rank), pack, (h * pack.rank)..<((h + 1) * pack.rank))
        }
    }

    /// By rank, so that sums are in the same order in every run.
    private func ordered(_ packs: [Int: Packed]) -> [Packed] { packs.values.sorted { $0.rank < $1.rank } }

    private func largest(_ packs: [Int: Packed]) -> Packed {
        guard let rank = packs.keys.max(), let pack = packs[rank] else { preconditionFailure("no rank") }
        return pack
    }

    private func base(_ bases: Buffer<Float>, _ h: Int, rank: Int) -> Matrix {
        let d = headWidth
        return Matrix(bases[(h * d * d)..<((h + 1) * d * d)], rows: d, columns: d).columns(0..<rank)
    }
}
