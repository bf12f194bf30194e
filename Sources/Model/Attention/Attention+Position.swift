import Kernels

// B sequences; H query heads on G key/value heads of width d; r, rv a row's columns.

extension Attention {
    /// A query row of a sequence, and at what it attends.
    struct PlacedQuery: Sendable {
        let place: CachePlace
        /// At which the query and its output are packed.
        let level: AttentionLevel
        /// The keys that are attended to at another level, and that level.
        var far: (keys: Range<Int>, level: AttentionLevel)?
    }

    /// Attention of single queries, which `forward` would compute in blocks of rows.
    ///
    /// - Parameters:
    ///   - queries: [rows, H r].
    ///   - placed: What is said of each row.
    ///   - cached: Keys and values, of which each sequence's rows up to its query's are there, at these columns or more.
    ///   - out: [rows, H rv].
    ///   - scores: Of each thread.
    func forward(
        _ queries: HeadRows, _ placed: [PlacedQuery], _ cached: CachedHeads, into out: HeadRows, scores: [QueryScores],
        on team: Team
    ) {
        let H = heads
        team.tasks(placed.count * H) { task, thread in
            let b = task / H, h = task % H, own = shape.keyValueHead(of: h), scores = scores[thread]
            let query = placed[b], (r, rv) = (query.level.scoreRank, query.level.valueRank)
            // The nearest keys come first, which are never far, and write the whole output.
            let parts = cached.parts(query)
            for part in parts {
                scores.score(
                    queries.pointer(row: b, head: h, rank: r), keys: part.keys.pointer(row: part.row, head: own, rank: r),
                    stride: part.keys.rowStride, width: part.level.scoreRank, scale: scale, into: part.positions, team.flops)
            }
            scores.soften(query.place.position + 1, team.flops)
            for (i, part) in parts.enumerated() {
                scores.weigh(
                    part.values.pointer(row: part.row, head: own, rank: rv), stride: part.values.rowStride,
                    width: part.level.valueRank, from: part.positions, adding: i > 0,
                    into: out.pointer(row: b, head: h, rank: rv), team.flops)
            }
        }
    }
}
