import Kernels

// B sequences; H query heads on G key/value heads of width d; r, rv a row's columns.

extension Attention {
    /// Attention of the queries at one position alone, which `forward` would compute as a block of rows.
    ///
    /// - Parameters:
    ///   - queries: A row of each sequence, [B, H r].
    ///   - cached: Keys and values, of which each sequence's rows up to `position` are there, at these columns or more.
    ///   - levels: Of each sequence.
    ///   - out: [B, H rv].
    ///   - scores: Of each thread.
    func forward(
        _ queries: HeadRows, position: Int, _ cached: CachedHeads, length: Int, levels: [AttentionLevel], into out: HeadRows,
        scores: [QueryScores], on team: Team
    ) {
        let seen = 0..<(position + 1), H = heads
        team.tasks(levels.count * H) { task, thread in
            let b = task / H, h = task % H, own = shape.keyValueHead(of: h), first = b * length, scores = scores[thread]
            let (r, rv) = (levels[b].scoreRank, levels[b].valueRank)
            scores.score(
                queries.pointer(row: b, head: h, rank: r), keys: cached.keys.pointer(row: first, head: own, rank: r),
                stride: cached.keys.rowStride, width: r, scale: scale, into: seen, team.flops)
            scores.soften(seen.count, team.flops)
            scores.weigh(
                cached.values.pointer(row: first, head: own, rank: rv), stride: cached.values.rowStride, width: rv,
                from: seen, into: out.pointer(row: b, head: h, rank: rv), team.flops)
        }
    }
}
