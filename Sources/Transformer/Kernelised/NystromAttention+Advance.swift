import Kernels

// B sequences of at most L positions, H query heads on G key/value heads of width d; segments of T tokens, n landmarks each;
// S segments that others come after.

/// One position at a time: of the segment under way all rows are kept, and of those before it their landmarks, which are
/// made when the next one begins.
extension NystromAttention {
    /// A cache's memory.
    private struct Cached {
        /// [B, min(T, L), (H + 2 G) d].
        let rows: Buffer<Float>
        /// [B, H, S, n, d] each.
        let keys, values: Buffer<Float>
        /// Floats of a sequence's rows, and of a head's landmarks.
        let rowCount, landmarkCount: Int
    }

    private func counts(_ shape: AttentionShape, length: Int) -> (rows: Int, landmarks: Int) {
        (min(segment, length) * shape.columns, max(length - 1, 0) / segment * landmarks * headWidth)
    }

    func cacheCount(_ shape: AttentionShape, length: Int) -> Int {
        let counts = counts(shape, length: length)
        return counts.rows + 2 * shape.heads * counts.landmarks
    }

    private func cached(_ cache: AttentionCache, _ shape: AttentionShape) -> Cached {
        let counts = counts(shape, length: cache.length), all = cache.memory
        precondition(
            all.count == cache.sequences * cacheCount(shape, length: cache.length), "another kind's cache")
        let rows = cache.sequences * counts.rows, heads = cache.sequences * shape.heads * counts.landmarks
        return Cached(
            rows: all[0..<rows], keys: all[rows..<(rows + heads)], values: all[(rows + heads)..<all.count],
            rowCount: counts.rows, landmarkCount: counts.landmarks)
    }

    func advance(
        _ row: AttentionRow, position: Int, _ cache: AttentionCache, _ shape: AttentionShape, layer: Int, on team: Team
    ) {
        let cached = cached(cache, shape), u = position / segment, t = position % segment, B = cache.sequences
        if t == 0 && u > 0 { summarise(u - 1, of: cached, shape, sequences: B, on: team) }
        let columns = shape.columns
        for b in 0..<B {
            let first = b * cached.rowCount + t * columns
            cached.rows[first..<(first + columns)].copy(from: row.qkv[(b * columns)..<((b + 1) * columns)])
        }
        team.tasks(B * heads) { number, thread in
            let b = number / heads, h = number % heads, d = headWidth, n = u * landmarks, scores = row.scores[thread]
            let own = self.rows(cached, shape, sequence: b, head: h), landmark = number * cached.landmarkCount
            let out = row.attended.pointer + b * shape.width + h * d, scale = 1 / Float(d).squareRoot()
            let earlier = 0..<n, here = n..<(n + t + 1), query = own.q + t * columns
            scores.score(
                query, keys: cached.keys.pointer + landmark, stride: d, width: d, scale: scale, into: earlier, team.flops)
            scores.add(workspaces[thread].logCounts[earlier])
            scores.score(query, keys: own.k, stride: columns, width: d, scale: scale, into: here, team.flops)
            scores.soften(here.upperBound, team.flops)
            scores.weigh(own.v, stride: columns, width: d, from: here, into: out, team.flops)
            guard n > 0 else { return }
            scores.weigh(
                cached.values.pointer + landmark, stride: d, width: d, from: earlier, adding: true, into: out, team.flops)
        }
    }

    /// The cached rows of a sequence's segment, as a head sees them.
    private func rows(
        _ cached: Cached, _ shape: AttentionShape, sequence b: Int, head h: Int
    ) -> SegmentSummary.Rows<UnsafePointer<Float>> {
        let first = UnsafePointer(cached.rows.pointer + b * cached.rowCount), own = shape.keyValueHead(of: h)
        return SegmentSummary.Rows(
            q: first + shape.columns(of: shape.queries, head: h).lowerBound,
            k: first + shape.columns(of: shape.keys, head: own).lowerBound,
            v: first + shape.columns(of: shape.values, head: own).lowerBound, stride: shape.columns)
    }

    /// Landmarks of segment `u`, whose rows are all there.
    private func summarise(_ u: Int, of cached: Cached, _ shape: AttentionShape, sequences: Int, on team: Team) {
        team.tasks(sequences * heads) { number, thread in
            let at = number * cached.landmarkCount + u * landmarks * headWidth
            workspaces[thread].summary.forward(
                rows(cached, shape, sequence: number / heads, head: number % heads), keys: cached.keys.pointer + at,
                values: cached.values.pointer + at, team.flops)
        }
    }

    func flops(length: Int) -> Int {
        let summaries = max(length - 1, 0) / segment
        // Each tile of queries with all landmarks of earlier segments and the keys of its own up to its end: a product with
        // keys and one with values.
        let pairs = Self.queryTiles(length: length, segment: segment).reduce(0) { sum, tile in
            let u = tile.lowerBound / segment
            return sum + tile.count * (u * landmarks + tile.upperBound - u * segment)
        }
        return (summaries > 0 ? summaries * workspaces[0].summary.flops : 0) + 4 * pairs * headWidth
    }
}
