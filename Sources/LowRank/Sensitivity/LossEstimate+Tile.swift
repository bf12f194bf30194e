import CKernels
#if canImport(Glibc)
import Glibc
#endif
import Kernels
import Model

// R rows of a tile: query heads of a group by row looked at; t keys of a tile; Sr, Vr ranks of the list.

/// Rows of one sequence that are worked off together.
struct RowTile: Sendable {
    let sequence: Int
    /// Their places among all rows looked at.
    let places: Range<Int>
    /// Their positions, ascending.
    let positions: [Int]

    /// Rows of scores that make products worth their call, and with a tile of keys stay in cache.
    private static let most = 48
    /// Keys of a tile.
    static let keys = 256

    /// Rows looked at of a tile.
    private static func looked(group: Int) -> Int { max(1, most / group) }

    /// R at most.
    static func rows(group: Int) -> Int { looked(group: group) * group }

    /// `rows`, ascending, cut at the ends of sequences.
    static func all(of rows: [LookedRow], group: Int) -> [RowTile] {
        var tiles: [RowTile] = [], first = 0
        while first < rows.count {
            let sequence = rows[first].sequence
            var end = first
            while end < rows.count, end - first < looked(group: group), rows[end].sequence == sequence { end += 1 }
            tiles.append(RowTile(sequence: sequence, places: first..<end, positions: rows[first..<end].map(\.position)))
            first = end
        }
        return tiles
    }
}

/// A thread's memory.
struct TileScratch: Sendable {
    /// [R, d] rows as they stand in memory, and queries and gradients in the bases.
    let gathered, queries, gradients: Buffer<Float>
    /// [Sr, R, t] scores and [Vr, R, t] dO′ · v′, by rank.
    let scores, values: Buffer<Float>
    /// For each row the largest score of the exact keys, and of the far ones at each score rank: [R, 1 + Sr].
    let tops: Buffer<Float>
    /// For each row, Σ exp and Σ exp · a of the exact keys at all columns, and of the far ones at each score rank with the
    /// value ranks asked.
    let sums: Buffer<Double>

    init(_ columns: LevelColumns, rows R: Int, headWidth d: Int) {
        gathered = Buffer(uninitialized: R * d)
        queries = Buffer(uninitialized: R * d)
        gradients = Buffer(uninitialized: R * d)
        scores = Buffer(uninitialized: columns.scores.count * R * RowTile.keys)
        values = Buffer(uninitialized: columns.values.count * R * RowTile.keys)
        tops = Buffer(uninitialized: R * (1 + columns.scores.count))
        sums = Buffer(uninitialized: R * columns.sums)
    }
}

extension LevelColumns {
    /// Sums of a row.
    var sums: Int { asked.reduce(2) { $0 + 1 + $1.count } }

    /// Where among them those of the far keys begin at each score rank.
    var farSums: [Int] {
        asked.indices.map { s in asked[..<s].reduce(2) { $0 + 1 + $1.count } }
    }
}

extension LossEstimate {
    /// Puts Σ_j p_j a_j of a tile's rows, of the query heads on head `g` of keys, less that of d:d, into `changes`:
    /// [n, H, K].
    func look(
        _ tile: RowTile, head g: Int, _ seen: ObservedAttention, _ basis: AttentionBasis, _ turned: TurnedKeys,
        _ scratch: TileScratch, into changes: Buffer<Double>
    ) {
        let (L, d, group) = (seen.batch.length, shape.headWidth, shape.group), solo = team.solo
        let R = tile.positions.count * group, ld = RowTile.keys, first = tile.sequence * L
        turn(seen.qkv, stride: shape.columns, tile, g, first, basis.query, scratch, into: scratch.queries)
        turn(seen.outputGradients, stride: shape.width, tile, g, first, basis.output, scratch, into: scratch.gradients)
        let queries = Matrix(scratch.queries, rows: R, columns: d), gradients = Matrix(scratch.gradients, rows: R, columns: d)
        scratch.tops.fill(-.greatestFiniteMagnitude)
        scratch.sums.fill(0)
        let far = tile.positions.map { position in
            exact.far(of: position, segment: segment).clamped(to: 0..<(position + 1))
        }
        let farSums = columns.farSums, S = columns.scores.count, V = columns.values.count
        var exponentials = 0
        for start in stride(from: 0, to: (tile.positions.last ?? -1) + 1, by: ld) {
            let keys = start..<min(start + ld, (tile.positions.last ?? -1) + 1)
            let row = ((tile.sequence * shape.keyValueHeads + g) * L + start) * d
            func own(_ all: Buffer<Float>) -> Matrix { Matrix(all[row..<(row + keys.count * d)], rows: keys.count, columns: d) }
            // Where no row has a far key, all columns at once.
            let hasFar = far.contains { $0.overlaps(keys) }
            products(
                queries, own(turned.keys), columns.scores, from: hasFar ? 0 : S - 1, alpha: 1 / Float(d).squareRoot(),
                into: scratch.scores, solo)
            products(
                gradients, own(turned.values), columns.values, from: hasFar ? 0 : V - 1, alpha: 1, into: scratch.values, solo)
            for i in 0..<R {
                let position = tile.positions[i / group], far = far[i / group]
                func add(_ range: Range<Int>, part: Int, score: Int, values asked: Range<Int>, sums place: Int) {
                    let range = range.clamped(to: keys)
                    guard !range.isEmpty else { return }
                    let column = i * ld + range.lowerBound - start
                    exponentials += range.count
                    drrl_softmax_sums(
                        scratch.sums.pointer + i * columns.sums + place, scratch.tops.pointer + i * (1 + S) + part,
                        scratch.scores.pointer + score * R * ld + column,
                        scratch.values.pointer + asked.lowerBound * R * ld + column, R * ld, asked.count, range.count)
                }
                add(0..<min(far.lowerBound, position + 1), part: 0, score: S - 1, values: (V - 1)..<V, sums: 0)
                add(far.upperBound..<(position + 1), part: 0, score: S - 1, values: (V - 1)..<V, sums: 0)
                for s in 0..<S { add(far, part: 1 + s, score: s, values: columns.asked[s], sums: farSums[s]) }
            }
        }
        team.flops.exponentials(exponentials)
        for i in 0..<R {
            let full = output(row: i, columns.places[levels], farSums, scratch)
            let place = ((tile.places.lowerBound + i / group) * shape.heads + g * group + i % group) * levels
            for level in 0..<levels {
                changes[place + level] = output(row: i, columns.places[level], farSums, scratch) - full
            }
        }
    }

    /// The rows' heads on head `g` of keys, times its matrix of `bases`: [R, d].
    private func turn(
        _ x: Buffer<Float>, stride: Int, _ tile: RowTile, _ g: Int, _ first: Int, _ bases: Buffer<Float>,
        _ scratch: TileScratch, into turned: Buffer<Float>
    ) {
        let d = shape.headWidth, width = shape.group * d
        for (i, position) in tile.positions.enumerated() {
            let place = (first + position) * stride + g * width
            scratch.gathered[(i * width)..<((i + 1) * width)].copy(from: x[place..<(place + width)])
        }
        let R = tile.positions.count * shape.group
        team.solo.gemm(
            Matrix(scratch.gathered, rows: R, columns: d), matrix(bases, g), into: Matrix(turned, rows: R, columns: d), .policy)
    }

    /// alpha a[:, :r] b[:, :r]ᵀ for the ranks from number `from` on, one after the other in `products`, R × t each.
    private func products(
        _ a: Matrix, _ b: Matrix, _ ranks: [Int], from: Int, alpha: Float, into products: Buffer<Float>, _ solo: Team
    ) {
        let size = a.rows * RowTile.keys
        func product(_ i: Int) -> Matrix {
            Matrix(products[(i * size)..<((i + 1) * size)], rows: a.rows, columns: b.rows, stride: RowTile.keys)
        }
        for i in from..<ranks.count {
            let block = (i == from ? 0 : ranks[i - 1])..<ranks[i]
            if i > from { product(i).copy(from: product(i - 1)) }
            solo.gemm(
                a.columns(block), b.columns(block).transposed, into: product(i), alpha: alpha, beta: i > from ? 1 : 0, .policy)
        }
    }

    /// Σ_j p_j a_j of a row: exact and far keys under one softmax.
    private func output(
        row i: Int, _ place: (score: Int, value: Int), _ farSums: [Int], _ scratch: TileScratch
    ) -> Double {
        let tops = i * (1 + columns.scores.count), sums = i * columns.sums, far = sums + farSums[place.score]
        let near = Double(scratch.tops[tops]), away = Double(scratch.tops[tops + 1 + place.score])
        let top = max(near, away), exactly = exp(near - top), roughly = exp(away - top)
        let value = far + 1 + place.value - columns.asked[place.score].lowerBound
        return (exactly * scratch.sums[sums + 1] + roughly * scratch.sums[value])
            / (exactly * scratch.sums[sums] + roughly * scratch.sums[far])
    }
}
