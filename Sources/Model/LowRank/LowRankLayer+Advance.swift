import Kernels

// D width; H query heads on G key/value heads of width d; r, rv a row's columns, R, Rv the largest in use.

/// One position at a time: keys and values are cached at the largest columns in use, those that are far for all queries to
/// come at the most that these see of them, and a row's queries, scores and output have its segment's level. Keys and values
/// of the rows before serve every level, whose columns are their first.
extension LowRankLayer {
    private var largest: AttentionLevel {
        AttentionLevel(scoreRank: folded.largestScoreRank, valueRank: folded.values.rank)
    }

    /// The cache holds keys, G R columns a position, and values, G Rv, far ones fewer (`CacheLayout`). `levels` name that of
    /// the row's segment.
    ///
    /// Bases that are refined along a sequence would change the values of all rows before, so there must be none: `TokenDecoder`
    /// refuses such a pass.
    package func advance(
        _ x: Matrix, at places: [CachePlace], _ cache: AttentionCache, _ row: AttentionRow, into branch: Matrix,
        _ pass: AttentionPass
    ) {
        precondition(refine == nil, "values' bases that change along a sequence cannot be cached")
        let team = pass.team, cached = cached(cache), placed = places.map(placed), runs = runs(placed.map(\.level))
        let outputColumns = shape.heads * largest.valueRank
        let (q, k, v) = parts(row.qkv, x.rows)
        let queries = Matrix(q, rows: x.rows, columns: queryColumns), keys = Matrix(k, rows: x.rows, columns: keyColumns)
        let values = Matrix(v, rows: x.rows, columns: valueColumns)
        let attended = Matrix(row.attended, rows: x.rows, columns: outputColumns)
        if maps.rotary == nil {
            folded.keys?.map.forward(x, into: keys, on: team)
            for (rows, level) in runs {
                let map = map(folded.queries, level.scoreRank)
                map.forward(x.rows(rows), into: queries.rows(rows).columns(0..<map.weight.columns), on: team)
            }
        } else {
            let turned = rotatedRows(x, at: places, on: team)
            for g in 0..<shape.keyValueHeads {
                multiply(turned, shape.keys, head: g, \.key, largest.scoreRank, into: keys, on: team)
            }
            for (rows, level) in runs {
                for h in 0..<shape.heads {
                    multiply(
                        turned.rows(rows), shape.queries, head: h, \.query, level.scoreRank, into: queries.rows(rows),
                        on: team)
                }
            }
        }
        folded.values.map.forward(x, into: values, on: team)
        cached.keep(keys: keys, values: values, at: places)
        attention.forward(
            HeadRows(q, rowStride: queryColumns, headStride: nil), placed, cached,
            into: HeadRows(row.attended, rowStride: outputColumns, headStride: nil), scores: row.scores, on: team)
        for (rows, level) in runs {
            let map = map(folded.projections, level.valueRank)
            map.product(attended.rows(rows).columns(0..<map.weight.rows), into: branch.rows(rows), on: team)
        }
    }

    package func fill(
        _ cache: AttentionCache, sequence: Int, from kept: KeptAttention, _ row: AttentionRow, _ pass: AttentionPass
    ) {
        let M = pass.batch.rows, (_, k, v) = parts(kept.qkv, M)
        cached(cache).keep(
            keys: Matrix(k, rows: M, columns: keyColumns), values: Matrix(v, rows: M, columns: valueColumns),
            from: CachePlace(sequence: sequence, position: 0))
    }

    private func layout(length: Int) -> CacheLayout {
        CacheLayout(heads: shape.keyValueHeads, level: largest, far: far, length: length)
    }

    private func cached(_ cache: AttentionCache) -> CachedHeads { CachedHeads(cache, layout(length: cache.length)) }

    private func placed(_ place: CachePlace) -> Attention.PlacedQuery {
        let (b, position) = (place.sequence, place.position), far = chosen.levels.far(of: position..<(position + 1))
        return Attention.PlacedQuery(
            place: place, level: packedLevel(sequence: b, row: position),
            far: far.isEmpty ? nil : (far, chosen.levels[sequence: b, row: position]))
    }

    package func bytes(sequences: Int, length: Int) -> Int {
        sequences * layout(length: length).count(length: length) * MemoryLayout<Float>.stride
    }

    /// Refinement aside, which folds and projects values as its epochs ask for it.
    package func flops(_ batch: MicroBatch) -> Int {
        let M = batch.rows, isRotated = maps.rotary != nil, d = shape.headWidth
        var total = folded.values.map.flops(rows: M)
        if isRotated {
            total += maps.input.outputs(maps.rotatedColumns).flops(rows: M)
            total += 2 * M * shape.keyValueHeads * d * largest.scoreRank
        } else {
            total += folded.keys?.map.flops(rows: M) ?? 0
        }
        for rows in chosen.levels.tiles(length: batch.length, most: batch.length) {
            for b in 0..<batch.sequences {
                let level = packedLevel(sequence: b, row: rows.lowerBound)
                total += isRotated
                    ? 2 * rows.count * shape.width * level.scoreRank
                    : map(folded.queries, level.scoreRank).flops(rows: rows.count)
                total += map(folded.projections, level.valueRank).flops(rows: rows.count)
                total += Attention.flops(of: rows, level: level, heads: shape.heads)
                let far = chosen.levels.far(of: rows).count
                for group in far > 0 ? chosen.levels.groups(sequence: b, rows: rows) : [] {
                    total -= 2 * shape.heads * group.rows.count * far
                        * (level.scoreRank + level.valueRank - group.level.scoreRank - group.level.valueRank)
                }
            }
        }
        return total
    }

    private func packedLevel(sequence: Int, row: Int) -> AttentionLevel {
        chosen.levels.packed(sequence: sequence, row: row, headWidth: shape.headWidth)
    }

    private func map(_ packs: [Int: FoldedAttention.Packed], _ rank: Int) -> Linear {
        guard let pack = packs[rank] else { preconditionFailure("rank \(rank) is not among the levels folded") }
        return pack.map
    }

    /// Sequences that follow one another at one level, so that they share products.
    private func runs(_ levels: [AttentionLevel]) -> [(rows: Range<Int>, level: AttentionLevel)] {
        var runs: [(rows: Range<Int>, level: AttentionLevel)] = []
        for (b, level) in levels.enumerated() {
            if let last = runs.last, last.level == level {
                runs[runs.count - 1].rows = last.rows.lowerBound..<(b + 1)
            } else {
                runs.append((b..<(b + 1), level))
            }
        }
        return runs
    }

    /// Queries and keys of x, [rows, D], at full width and turned by their positions: [rows, (H + G) d].
    private func rotatedRows(_ x: Matrix, at places: [CachePlace], on team: Team) -> Matrix {
        let columns = maps.rotatedColumns
        precondition(x.rows * columns.count <= rotated.count, "\(x.rows) sequences in the memory of fewer rows")
        let turned = Matrix(rotated, rows: x.rows, columns: columns.count)
        maps.input.outputs(columns).forward(x, into: turned, on: team)
        maps.rotate(rotated, rowStride: columns.count, at: places)
        takeMean(fromKeysOf: 0..<x.rows, on: team)
        return turned
    }

    /// A head of rotated queries or keys times the first `rank` columns of its basis, where the head stands among others.
    private func multiply(
        _ turned: Matrix, _ part: Range<Int>, head: Int, _ bases: KeyPath<AttentionBasis, Buffer<Float>>, _ rank: Int,
        into out: Matrix, on team: Team
    ) {
        let own = part == shape.keys ? head : shape.keyValueHead(of: head)
        team.gemm(
            turned.columns(shape.columns(of: part, head: head)), folded.base(bases, head: own, rank: rank),
            into: out.columns((head * rank)..<((head + 1) * rank)), .projections)
    }
}
