import Kernels

// M = B L rows, D width; H query heads on G key/value heads of width d.

/// Full attention.
struct SoftmaxAttention: AttentionSublayer {
    let maps: AttentionMaps
    let attention: Attention

    func forward(_ x: Matrix, _ kept: KeptAttention, into branch: Matrix, _ pass: AttentionPass) {
        maps.project(x, into: kept.qkv, pass)
        attention.forward(
            qkv: kept.qkv, out: kept.attended, lse: kept.lse, batch: pass.batch, dropout: pass.dropout, layer: pass.layer,
            on: pass.team)
        maps.join(kept.attended, into: branch, pass)
    }

    func backward(
        _ dbranch: Matrix, x: Matrix, _ kept: KeptAttention, _ scratch: AttentionScratch, dx: Matrix, _ pass: AttentionPass
    ) {
        maps.joinBackward(dbranch, attended: kept.attended, into: scratch.dattended, pass)
        pass.observer?(
            ObservedAttention(
                layer: pass.layer, batch: pass.batch, x: x, qkv: kept.qkv, outputs: kept.attended,
                outputGradients: scratch.dattended))
        attention.backward(
            qkv: kept.qkv, out: kept.attended, lse: kept.lse, dout: scratch.dattended, dqkv: scratch.dqkv,
            delta: scratch.delta, batch: pass.batch, dropout: pass.dropout, layer: pass.layer, on: pass.team)
        maps.projectBackward(scratch.dqkv, x: x, dx: dx, pass)
    }

    private var level: AttentionLevel {
        AttentionLevel(scoreRank: maps.shape.headWidth, valueRank: maps.shape.headWidth)
    }

    /// The cache holds keys and values, [B, L, G d] each.
    func advance(
        _ x: Matrix, at places: [CachePlace], _ cache: AttentionCache, _ row: AttentionRow, into branch: Matrix,
        _ pass: AttentionPass
    ) {
        let shape = maps.shape, qkv = Matrix(row.qkv, rows: x.rows, columns: shape.columns), cached = cached(cache)
        maps.project(x, into: row.qkv, at: places, on: pass.team)
        cached.keep(keys: qkv.columns(shape.keys), values: qkv.columns(shape.values), at: places)
        attention.forward(
            HeadRows(row.qkv, rowStride: shape.columns, headStride: shape.headWidth),
            places.map { Attention.PlacedQuery(place: $0, level: level) }, cached,
            into: HeadRows(row.attended, rowStride: shape.width, headStride: shape.headWidth), scores: row.scores,
            on: pass.team)
        maps.join(row.attended, into: branch, pass)
    }

    func fill(
        _ cache: AttentionCache, sequence: Int, from kept: KeptAttention, _ row: AttentionRow, _ pass: AttentionPass
    ) {
        let shape = maps.shape, qkv = Matrix(kept.qkv, rows: pass.batch.rows, columns: shape.columns)
        cached(cache).keep(
            keys: qkv.columns(shape.keys), values: qkv.columns(shape.values),
            from: CachePlace(sequence: sequence, position: 0))
    }

    private func layout(length: Int) -> CacheLayout {
        CacheLayout(heads: maps.shape.keyValueHeads, level: level, length: length)
    }

    private func cached(_ cache: AttentionCache) -> CachedHeads { CachedHeads(cache, layout(length: cache.length)) }

    func bytes(sequences: Int, length: Int) -> Int {
        sequences * layout(length: length).count(length: length) * MemoryLayout<Float>.stride
    }

    func flops(_ batch: MicroBatch) -> Int {
        maps.flops(rows: batch.rows)
            + batch.sequences * Attention.flops(of: 0..<batch.length, level: level, heads: maps.shape.heads)
    }
}
