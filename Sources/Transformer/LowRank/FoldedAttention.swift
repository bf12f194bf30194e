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
        fold(inputs(parameters), outputs(parameters), on: team)
        forEachNested(queries) { large, first, small, own in
            small.weight.columns(own).copy(from: large.weight.columns(first))
            small.bias.columns(own).copy(from: large.bias.columns(first))
        }
    }

    /// `fold` of values and outputs alone.
    func foldValues(_ parameters: BlockParameters, on team: Team) {
        fold(inputs(parameters, 2..<3), outputs(parameters), on: team)
    }

    private func fold(_ inputs: [Input], _ outputs: [Output], on team: Team) {
        forEach(inputs, outputs, on: team) { input, team in
            team.gemm(input.weight, input.base, into: input.pack.weight.columns(input.columns), .upkeep)
            team.gemm(input.bias, input.base, into: input.pack.bias.columns(input.columns), .upkeep)
        } _: { output, team in
            team.gemm(output.base.transposed, output.weight, into: output.pack.weight.rows(output.rows), .upkeep)
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
        forEach(inputs(gradients), outputs(gradients), on: team) { input, team in
            let base = input.base.transposed
            team.gemm(input.pack.weightGradient.columns(input.columns), base, into: input.weight, beta: 1, .upkeep)
            team.gemm(input.pack.biasGradient.columns(input.columns), base, into: input.bias, beta: 1, .upkeep)
        } _: { output, team in
            team.gemm(output.base, output.pack.weightGradient.rows(output.rows), into: output.weight, beta: 1, .upkeep)
        }
        for pack in [keys, values] + Array(queries.values) + Array(projections.values) {
            pack.weightGradient.fill(0)
            pack.biasGradient.fill(0)
        }
    }

    /// All heads of all parts at once, each on a thread of its own: the products are small.
    private func forEach(
        _ inputs: [Input], _ outputs: [Output], on team: Team, _ input: @Sendable (Input, Team) -> Void,
        _ output: @Sendable (Output, Team) -> Void
    ) {
        team.tasks(inputs.count + outputs.count) { task, _ in
            if task < inputs.count {
                input(inputs[task], team.solo)
            } else {
                output(outputs[task - inputs.count], team.solo)
            }
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

    /// A head's weight [D, d] and bias [1, d] of queries, keys or values, the first columns of its basis [d, r] at the
    /// largest rank, and where it stands in the packed weights.
    private struct Input: Sendable {
        let weight, bias, base: Matrix
        let pack: Packed
        let columns: Range<Int>
    }

    /// A head's rows of the output projection, [d, D], with the first columns of its basis [d, Rv].
    private struct Output: Sendable {
        let weight, base: Matrix
        let pack: Packed
        let rows: Range<Int>
    }

    /// Every head of `parts`, of queries (0), keys (1) and values (2).
    private func inputs(_ parameters: BlockParameters, _ parts: Range<Int> = 0..<3) -> [Input] {
        let d = headWidth, D = heads * d
        let bias = Matrix(parameters.attentionBias, rows: 1, columns: 3 * D)
        return [(0, basis.query, largest(queries)), (1, basis.key, keys), (2, basis.value, values)][parts].flatMap {
            part, bases, pack in
            (0..<heads).map { h in
                let own = (part * D + h * d)..<(part * D + (h + 1) * d)
                return Input(
                    weight: parameters.attention.columns(own), bias: bias.columns(own), base: base(bases, h, rank: pack.rank),
                    pack: pack, columns: (h * pack.rank)..<((h + 1) * pack.rank))
            }
        }
    }

    private func outputs(_ parameters: BlockParameters) -> [Output] {
        let pack = largest(projections)
        return (0..<heads).map { h in
            Output(
                weight: parameters.attentionProjection.rows((h * headWidth)..<((h + 1) * headWidth)),
                base: base(basis.value, h, rank: pack.rank), pack: pack, rows: (h * pack.rank)..<((h + 1) * pack.rank))
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
