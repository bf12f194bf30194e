import CKernels
import COpenBLAS
import Kernels
import Model

// One sequence of L tokens; D width, H query heads on G key/value heads of width d; n rows looked at, P probes: a row and a score rank each.

/// sim(O_full, O_r) of Eq. 12: the cosine between the outputs of full and of truncated attention, all heads side by side
/// and before their projection, at a few query rows.
///
/// Keys and values at full width are not there, and making them would cost as much as the saving. They are not needed:
/// with q̃ = q, or q̃ = Bk_r Bq_rᵀ q where scores are truncated, q̃ · k_j = (W_k q̃) · x_j + q̃ · b_k, and Σ p_j v_j =
/// W_vᵀ (Σ p_j x_j) + b_v. So a row costs two products with the layer's input for each head and score rank; O_r of a level
/// that attention ran at costs nothing.
public struct RewardMeter: Sendable {
    let shape: AttentionShape
    /// D.
    let width: Int
    let basis: AttentionBasis
    let team: Team

    /// For layers whose positions do not rotate.
    public init(_ shape: AttentionShape, width: Int, basis: AttentionBasis, team: Team) {
        self.shape = shape
        self.width = width
        self.basis = basis
        self.team = team
    }

    private var heads: Int { shape.heads }
    private var headWidth: Int { shape.headWidth }

    /// One sequence's part of what attention reads.
    public struct Sequence: Sendable {
        /// [L, D].
        let x: Matrix
        /// To queries, keys and values: [D, (H + 2 G) d].
        let map: Linear

        public init(x: Matrix, map: Linear) {
            self.x = x
            self.map = map
        }
    }

    /// A row to look at, and truncated attention there.
    public struct Trial: Sendable {
        /// O_r, of one level or several.
        public enum Outputs: Sendable {
            /// To be found at these levels.
            case tried([Level])
            /// What attention gave where it ran at a level: [H][rv] P_rvᵀ o_r.
            case given([Buffer<Float>], at: Level)
        }

        let row: Int
        let outputs: Outputs

        public init(row: Int, _ outputs: Outputs) {
            self.row = row
            self.outputs = outputs
        }

        /// Score ranks at which scores are to be made.
        var ranks: [Int] {
            if case .tried(let levels) = outputs { levels.map(\.scoreRank) } else { [] }
        }
    }

    /// Attention at one row of those looked at: with scores at full rank, or at one of a list of ranks.
    private struct Probe {
        /// Place of the row among those looked at.
        let place: Int
        /// 0 for full rank, else 1 + the place of the score rank in the list.
        let variant: Int
    }

    /// The cosine for each trial, whose rows increase, and each of its levels.
    public func cosines(_ sequence: Sequence, _ trials: [Trial]) -> [[Double]] {
        guard let last = trials.last?.row else { return [] }
        let ranks = Set(trials.flatMap(\.ranks)).sorted(), D = width, d = headWidth
        var probes: [Probe] = []
        for (i, trial) in trials.enumerated() {
            probes.append(Probe(place: i, variant: 0))
            for (v, rank) in ranks.enumerated() where trial.ranks.contains(rank) {
                probes.append(Probe(place: i, variant: 1 + v))
            }
        }
        let P = probes.count, H = heads, m = P * H
        let keyed = Buffer<Float>(uninitialized: m * D), mixed = Buffer<Float>(uninitialized: m * D)
        keyQueries(sequence, trials.map(\.row), probes, ranks, into: keyed)

        // Rows by probe and head, so that those who see a key follow one another; the constant q̃ · b_k changes no softmax.
        let scores = Matrix(Buffer(uninitialized: m * (last + 1)), rows: m, columns: last + 1)
        let blocks = keyBlocks(trials, probes)
        for block in blocks {
            let rows = (block.firstProbe * H)..<m
            team.gemm(
                Matrix(keyed, rows: m, columns: D).rows(rows), sequence.x.rows(block.keys).transposed,
                into: scores.rows(rows).columns(block.keys), alpha: 1 / Float(d).squareRoot(), .policy)
        }
        let sums = Buffer<Float>(count: m, repeating: 0), visible = probes.map { trials[$0.place].row + 1 }
        let ends = probes.indices.map { p in blocks.last { $0.firstProbe <= p }?.keys.upperBound ?? 0 }
        team.tasks(m) { i, _ in
            softmax(scores.rows(i..<(i + 1)).columns(0..<ends[i / H]), visible: visible[i / H], sums, i)
        }
        for block in blocks {
            let rows = (block.firstProbe * H)..<m
            team.gemm(
                scores.rows(rows).columns(block.keys), sequence.x.rows(block.keys),
                into: Matrix(mixed, rows: m, columns: D).rows(rows), beta: block.keys.lowerBound == 0 ? 0 : 1, .policy)
        }
        for i in 0..<m { cblas_sscal(blasint(D), 1 / sums[i], mixed.pointer + i * D, 1) }
        let outputs = Buffer<Float>(uninitialized: m * d)
        values(sequence, mixed, probes: P, into: outputs)
        return compare(outputs, trials, probes, ranks)
    }

    /// Keys that every probe from `firstProbe` on sees, but for the last few of the first.
    private struct KeyBlock {
        let keys: Range<Int>
        let firstProbe: Int
    }

    /// All keys that are seen, cut where every other trial's end.
    private func keyBlocks(_ trials: [Trial], _ probes: [Probe]) -> [KeyBlock] {
        var blocks: [KeyBlock] = [], first = 0
        for place in stride(from: 0, to: trials.count, by: 2) {
            let end = trials[min(place + 1, trials.count - 1)].row + 1
            if end > first, let probe = probes.firstIndex(where: { $0.place == place }) {
                blocks.append(KeyBlock(keys: first..<end, firstProbe: probe))
            }
            first = end
        }
        return blocks
    }

    /// Rows of head `h` among those by probe and head.
    private func ofHead(_ h: Int, _ x: Buffer<Float>, probes P: Int) -> Matrix {
        Matrix(x[(h * width)..<x.count], rows: P, columns: width, stride: heads * width)
    }

    /// W_k q̃ of every probe and head: [P H, D].
    private func keyQueries(
        _ sequence: Sequence, _ rows: [Int], _ probes: [Probe], _ ranks: [Int], into keyed: Buffer<Float>
    ) {
        let n = rows.count, P = probes.count, D = width, d = headWidth
        let x = Buffer<Float>(uninitialized: n * D), queries = Buffer<Float>(uninitialized: n * shape.width)
        let looked = Matrix(x, rows: n, columns: D)
        for (i, row) in rows.enumerated() { looked.rows(i..<(i + 1)).copy(from: sequence.x.rows(row..<(row + 1))) }
        sequence.map.outputs(shape.queries, as: .policy)
            .forward(looked, into: Matrix(queries, rows: n, columns: shape.width), on: team)
        let variants = 1 + ranks.count, reduced = Buffer<Float>(uninitialized: n * d)
        // q̃ of one head by variant and row, and of the probes.
        let turned = Buffer<Float>(uninitialized: variants * n * d), own = Buffer<Float>(uninitialized: P * d)
        let tilde = Matrix(turned, rows: variants * n, columns: d)
        for h in 0..<heads {
            let q = Matrix(queries, rows: n, columns: shape.width).columns((h * d)..<((h + 1) * d))
            tilde.rows(0..<n).copy(from: q)
            for (v, r) in ranks.enumerated() {
                let part = Matrix(reduced, rows: n, columns: r)
                team.gemm(q, base(basis.query, h).columns(0..<r), into: part, .policy)
                team.gemm(
                    part, base(basis.key, h).columns(0..<r).transposed, into: tilde.rows(((v + 1) * n)..<((v + 2) * n)),
                    .policy)
            }
            for (p, probe) in probes.enumerated() {
                let first = (probe.variant * n + probe.place) * d
                own[(p * d)..<((p + 1) * d)].copy(from: turned[first..<(first + d)])
            }
            sequence.map.outputs(shape.columns(of: shape.keys, head: shape.keyValueHead(of: h)), as: .policy)
                .inputGradient(Matrix(own, rows: P, columns: d), into: ofHead(h, keyed, probes: P), on: team)
        }
    }

    /// The basis of query head `h`.
    private func base(_ bases: Buffer<Float>, _ h: Int) -> Matrix {
        let d = headWidth, own = shape.keyValueHead(of: h)
        return Matrix(bases[(own * d * d)..<((own + 1) * d * d)], rows: d, columns: d)
    }

    /// exp(score − largest) of one row in place, zero beyond the visible; their sum is number `i` of `sums`.
    private func softmax(_ scores: Matrix, visible: Int, _ sums: Buffer<Float>, _ i: Int) {
        let largest = Buffer<Float>(count: 1, repeating: -.greatestFiniteMagnitude)
        team.flops.exponentials(visible)
        drrl_softmax_tile_forward(
            scores.pointer, scores.columns, 1, scores.columns, visible, largest.pointer, sums.pointer + i, largest.pointer, 0)
    }

    /// W_vᵀ y + b_v of every head and probe: [H P, d].
    private func values(_ sequence: Sequence, _ mixed: Buffer<Float>, probes P: Int, into outputs: Buffer<Float>) {
        let d = headWidth
        for h in 0..<heads {
            let own = (h * P)..<((h + 1) * P)
            sequence.map.outputs(shape.columns(of: shape.values, head: shape.keyValueHead(of: h)), as: .policy).forward(
                ofHead(h, mixed, probes: P),
                into: Matrix(outputs[(own.lowerBound * d)..<(own.upperBound * d)], rows: P, columns: d), on: team)
        }
    }

    /// cos(o, P_rv P_rvᵀ o_r): in the coordinates of P, whose first rv columns are kept.
    private func compare(
        _ outputs: Buffer<Float>, _ trials: [Trial], _ probes: [Probe], _ ranks: [Int]
    ) -> [[Double]] {
        let d = headWidth, P = probes.count
        let turned = Buffer<Float>(uninitialized: outputs.count)
        for h in 0..<heads {
            let own = (h * P * d)..<((h + 1) * P * d)
            team.gemm(
                Matrix(outputs[own], rows: P, columns: d), base(basis.value, h),
                into: Matrix(turned[own], rows: P, columns: d), .policy)
        }
        func output(_ place: Int, variant: Int) -> [Buffer<Float>] {
            let p = probes.firstIndex { $0.place == place && $0.variant == variant } ?? 0
            return (0..<heads).map { h in turned[((h * P + p) * d)..<((h * P + p + 1) * d)] }
        }
        // Over the first `rank` coordinates of all heads.
        func dot(_ a: [Buffer<Float>], _ b: [Buffer<Float>], rank: Int) -> Double {
            zip(a, b).reduce(0) { $0 + cblas_dsdot(blasint(rank), $1.0.pointer, 1, $1.1.pointer, 1) }
        }
        return trials.enumerated().map { place, trial in
            let full = output(place, variant: 0), square = dot(full, full, rank: d)
            func cosine(_ reduced: [Buffer<Float>], rank: Int) -> Double {
                let product = dot(full, reduced, rank: rank), own = dot(reduced, reduced, rank: rank)
                return square > 0 && own > 0 ? product / (square * own).squareRoot() : (square == own ? 1 : 0)
            }
            switch trial.outputs {
            case .tried(let levels):
                return levels.map {
                    cosine(output(place, variant: 1 + (ranks.firstIndex(of: $0.scoreRank) ?? 0)), rank: $0.valueRank)
                }
            case .given(let reduced, let level): return [cosine(reduced, rank: level.valueRank)]
            }
        }
    }
}
