import Kernels

// B sequences; H query heads on G key/value heads of width d; r, rv a row's columns.

extension Attention {
    /// Attention of the queries at one position alone, which `forward` would compute as a block of rows.
    ///
    /// - Parameters:
    ///   - queries: A row of each sequence, [B, H r].
    ///   - cached: Keys and values, of which each sequence's rows up to `position` are there, at these columns or more.
    ///   - levels: At which each sequence's query and output are packed.
    ///   - far: The keys that are attended to at other levels, and these of each sequence.
    ///   - out: [B, H rv].
    ///   - scores: Of each thread.
    func forward(
        _ queries: HeadRows, position: Int, _ cached: CachedHeads, length: Int, levels: [AttentionLevel],
        far: (keys: Range<Int>, levels: [AttentionLevel]) = (0..<0, []), into out: HeadRows, scores: [QueryScores],
        on team: Team
    ) {
        let seen = position + 1, H = heads
        team.tasks(levels.count * H) { task, thread in
            let b = task / H, h = task % H, own = shape.keyValueHead(of: h), first = b * length, scores = scores[thread]
            let (r, rv) = (levels[b].scoreRank, levels[b].valueRank)
            // The nearest keys are never far, and write the whole output.
            var parts = [(keys: far.keys.upperBound..<seen, level: levels[b])]
            if far.keys.lowerBound > 0 { parts.append((0..<far.keys.lowerBound, levels[b])) }
            if !far.keys.isEmpty { parts.append((far.keys, far.levels[b])) }
            for (keys, level) in parts {
                scores.score(
                    queries.pointer(row: b, head: h, rank: r),
                    keys: cached.keys.pointer(row: first + keys.lowerBound, head: own, rank: r),
                    stride: cached.keys.rowStride, width: level.scoreRank, scale: scale, into: keys, team.flops)
            }
            scores.soften(seen, team.flops)
            for (i, (keys, level)) in parts.enumerated() {
                scores.weigh(
                    cached.values.pointer(row: first + keys.lowerBound, head: own, rank: rv),
                    stride: cached.values.rowStride, width: level.valueRank, from: keys, adding: i > 0,
                    into: out.pointer(row: b, head: h, rank: rv), team.flops)
            }
        }
    }
}
