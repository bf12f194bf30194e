import Kernels

// D width, H query heads on G key/value heads of width d; r a score rank, rv a value rank; R, Rv the largest of them.

/// One layer's attention weights with its bases multiplied in, packed at each rank in use: x (Wq Bq) gives q′ without
/// ever forming q, and a rank below d makes the products themselves smaller.
///
/// Where positions rotate queries and keys between their map and their product, theirs are not folded: the rotated rows are
/// multiplied by the bases.
///
/// A pass folds on first use; after the backward passes, `unfold` turns the gradients of the folded weights into those of
/// the weights, the bases held fixed.
public final class FoldedAttention: Sendable {
    /// Folded weights of every head at one rank.
    struct Packed: Sendable {
        let rank: Int
        let map: Linear

        init(rank: Int, inputs: Int, outputs: Int, hasBias: Bool, precision: Precision) {
            func zeros() -> Matrix {
                Matrix(Buffer(count: inputs * outputs, repeating: 0), rows: inputs, columns: outputs)
            }
            func zeroBias() -> Buffer<Float>? { hasBias ? Buffer(count: outputs, repeating: 0) : nil }
            self.rank = rank
            map = Linear(
                weight: zeros(), bias: zeroBias(), weightGradient: zeros(), biasGradient: zeroBias(), kind: .projections,
                precision: precision)
        }
    }

    /// By score rank: [D, H r]; none where queries are rotated.
    let queries: [Int: Packed]
    /// [D, G R]; nil where keys are rotated.
    let keys: Packed?
    /// [D, G Rv].
    let values: Packed
    /// By value rank: [H rv, D], without a bias.
    let projections: [Int: Packed]
    /// R.
    let largestScoreRank: Int
    let basis: AttentionBasis
    private let shape: AttentionShape

    /// For the levels that may be asked for, at least one. When `basis` is overwritten in place, fold again.
    public init(
        _ configuration: ModelConfiguration, levels: [AttentionLevel], basis: AttentionBasis,
        precision: Precision = .float32
    ) {
        let layer = configuration.layer, D = layer.width, shape = layer.attention
        let scoreRanks = Set(levels.map(\.scoreRank)), valueRanks = Set(levels.map(\.valueRank))
        guard let largestScore = scoreRanks.max(), let largestValue = valueRanks.max(),
            largestScore <= shape.headWidth, largestValue <= shape.headWidth
        else { preconditionFailure("levels \(levels) for heads of width \(shape.headWidth)") }
        func inputs(_ heads: Int, _ rank: Int) -> Packed {
            Packed(rank: rank, inputs: D, outputs: heads * rank, hasBias: layer.hasInputBias, precision: precision)
        }
        self.shape = shape
        self.basis = basis
        largestScoreRank = largestScore
        let isRotated = layer.rotation != nil
        queries = isRotated ? [:] : Dictionary(uniqueKeysWithValues: scoreRanks.map { ($0, inputs(shape.heads, $0)) })
        keys = isRotated ? nil : Packed(
            rank: largestScore, inputs: D, outputs: shape.keyValueHeads * largestScore, hasBias: true, precision: precision)
        values = inputs(shape.keyValueHeads, largestValue)
        projections = Self.outputs(valueRanks, heads: shape.heads, width: D, precision: precision)
    }

    /// Shares the queries' and keys' folded weights of `other`; has values' of its own, in `valueBasis`, for these ranks.
    init(_ other: FoldedAttention, valueRanks: Set<Int>, valueBasis: Buffer<Float>) {
        let rank = valueRanks.max() ?? 1, map = other.values.map
        shape = other.shape
        basis = AttentionBasis(
            query: other.basis.query, key: other.basis.key, value: valueBasis, keyMean: other.basis.keyMean,
            headWidth: other.shape.headWidth)
        queries = other.queries
        keys = other.keys
        largestScoreRank = other.largestScoreRank
        values = Packed(
            rank: rank, inputs: map.weight.rows, outputs: shape.keyValueHeads * rank, hasBias: map.bias != nil,
            precision: map.precision)
        projections = Self.outputs(
            valueRanks, heads: shape.heads, width: map.weight.rows, precision: map.precision)
    }

    private static func outputs(
        _ ranks: Set<Int>, heads: Int, width: Int, precision: Precision
    ) -> [Int: Packed] {
        Dictionary(uniqueKeysWithValues: ranks.map {
            ($0, Packed(rank: $0, inputs: heads * $0, outputs: width, hasBias: false, precision: precision))
        })
    }

    /// A head's basis of queries or keys, its first `rank` columns: [d, rank]; `head` is of keys and values.
    func base(_ bases: KeyPath<AttentionBasis, Buffer<Float>>, head: Int, rank: Int) -> Matrix {
        let d = shape.headWidth
        return Matrix(basis[keyPath: bases][(head * d * d)..<((head + 1) * d * d)], rows: d, columns: d)
            .columns(0..<rank)
    }

    /// Multiplies the bases into the weights, with what adapters add to them.
    func fold(_ maps: AttentionMaps, on team: Team) {
        let maps = maps.merged(on: team)
        fold(inputs(maps), outputs(maps), on: team)
        forEachNested(queries, heads: shape.heads) { large, first, small, own in
            small.weight.columns(own).copy(from: large.weight.columns(first))
            if let bias = small.bias, let from = large.bias { bias[own].copy(from: from[first]) }
        }
    }

    /// `fold` of values and outputs alone.
    func foldValues(_ maps: AttentionMaps, on team: Team) {
        let maps = maps.merged(on: team)
        fold(valueInputs(maps), outputs(maps), on: team)
    }

    private func fold(_ inputs: [Input], _ outputs: [Output], on team: Team) {
        forEach(inputs, outputs, on: team) { input, team in
            team.gemm(input.map.weight, input.base, into: input.packed.weight.columns(input.columns), .upkeep)
            if let bias = input.shiftedBias, let own = input.packed.bias {
                team.gemm(row(bias), input.base, into: row(own[input.columns]), .upkeep)
            }
        } _: { output, team in
            team.gemm(output.base.transposed, output.weight, into: output.packed.weight.rows(output.rows), .upkeep)
        }
        forEachNested(projections, heads: shape.heads) { large, first, small, own in
            small.weight.rows(own).copy(from: large.weight.rows(first))
        }
    }

    /// Adds the gradients of what was folded to those of the maps, or of their adapters, and clears them.
    func unfold(into own: AttentionMaps, on team: Team) {
        let maps = own.collectingGradients
        forEachNested(queries, heads: shape.heads) { large, first, small, own in
            large.weightGradient.columns(first).add(small.weightGradient.columns(own))
            if let bias = large.biasGradient, let from = small.biasGradient { row(bias[first]).add(row(from[own])) }
        }
        forEachNested(projections, heads: shape.heads) { large, first, small, own in
            large.weightGradient.rows(first).add(small.weightGradient.rows(own))
        }
        // dW = dW′ Bᵀ for what is multiplied from the right, dW = B dW′ for the output.
        forEach(inputs(maps), outputs(maps), on: team) { input, team in
            let base = input.base.transposed
            team.gemm(
                input.packed.weightGradient.columns(input.columns), base, into: input.map.weightGradient, beta: 1, .upkeep)
            if let bias = input.map.biasGradient, let own = input.packed.biasGradient {
                team.gemm(row(own[input.columns]), base, into: row(bias), beta: 1, .upkeep)
            }
        } _: { output, team in
            team.gemm(
                output.base, output.packed.weightGradient.rows(output.rows), into: output.gradient, beta: 1, .upkeep)
        }
        own.input.addGradients(of: maps.input, on: team)
        own.output.addGradients(of: maps.output, on: team)
        for packed in [keys, values].compactMap(\.self) + Array(queries.values) + Array(projections.values) {
            packed.map.weightGradient.fill(0)
            packed.map.biasGradient?.fill(0)
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
        _ packs: [Int: Packed], heads: Int,
        _ body: (_ large: Linear, _ first: Range<Int>, _ small: Linear, _ own: Range<Int>) -> Void
    ) {
        guard let large = largest(packs) else { return }
        for small in ordered(packs) where small.rank < large.rank {
            for h in 0..<heads {
                let first = h * large.rank
                body(large.map, first..<(first + small.rank), small.map, (h * small.rank)..<((h + 1) * small.rank))
            }
        }
    }

    /// A head's map [D, d] of queries, keys or values, the first columns of its basis [d, r] at the largest rank, and where
    /// it stands in the packed weights.
    private struct Input: Sendable {
        let map: Linear
        /// [d], taken from the map's outputs; nil for what has none.
        let mean: Buffer<Float>?
        let base: Matrix
        let packed: Linear
        let columns: Range<Int>

        /// [d] the map's bias less the mean; nil where there is neither.
        var shiftedBias: Buffer<Float>? {
            guard let mean else { return map.bias }
            return Buffer((0..<mean.count).map { (map.bias?[$0] ?? 0) - mean[$0] })
        }
    }

    /// A head's rows of the output map, [d, D], with their gradient and the first columns of its basis [d, Rv].
    private struct Output: Sendable {
        let weight, gradient, base: Matrix
        let packed: Linear
        let rows: Range<Int>
    }

    /// Every head of queries, keys and values that are folded.
    private func inputs(_ maps: AttentionMaps) -> [Input] {
        var all: [Input] = []
        if let queries = largest(queries) {
            all += (0..<shape.heads).map {
                input(maps, shape.queries, head: $0, \.query, basisHead: shape.keyValueHead(of: $0), queries)
            }
        }
        if let keys {
            all += (0..<shape.keyValueHeads).map { input(maps, shape.keys, head: $0, \.key, basisHead: $0, keys) }
        }
        return all + valueInputs(maps)
    }

    private func valueInputs(_ maps: AttentionMaps) -> [Input] {
        (0..<shape.keyValueHeads).map { input(maps, shape.values, head: $0, \.value, basisHead: $0, values) }
    }

    private func input(
        _ maps: AttentionMaps, _ part: Range<Int>, head: Int, _ bases: KeyPath<AttentionBasis, Buffer<Float>>,
        basisHead: Int, _ packed: Packed
    ) -> Input {
        Input(
            map: maps.input.outputs(shape.columns(of: part, head: head)),
            mean: bases == \.key ? basis.keyMean[(head * shape.headWidth)..<((head + 1) * shape.headWidth)] : nil,
            base: base(bases, head: basisHead, rank: packed.rank), packed: packed.map,
            columns: (head * packed.rank)..<((head + 1) * packed.rank))
    }

    private func outputs(_ maps: AttentionMaps) -> [Output] {
        guard let packed = largest(projections) else { return [] }
        return (0..<shape.heads).map { h in
            let own = shape.columns(of: shape.queries, head: h)
            return Output(
                weight: maps.output.weight.rows(own), gradient: maps.output.weightGradient.rows(own),
                base: base(\.output, head: shape.keyValueHead(of: h), rank: packed.rank), packed: packed.map,
                rows: (h * packed.rank)..<((h + 1) * packed.rank))
        }
    }

    /// By rank, so that sums are in the same order in every run.
    private func ordered(_ packs: [Int: Packed]) -> [Packed] { packs.values.sorted { $0.rank < $1.rank } }

    private func largest(_ packs: [Int: Packed]) -> Packed? { packs.keys.max().flatMap { packs[$0] } }
}

/// A vector as a matrix of one row.
private func row(_ vector: Buffer<Float>) -> Matrix { Matrix(vector, rows: 1, columns: vector.count) }
