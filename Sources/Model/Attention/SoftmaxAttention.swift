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
        _ x: Matrix, position: Int, _ cache: AttentionCache, _ row: AttentionRow, into branch: Matrix, _ pass: AttentionPass
    ) {
        let shape = maps.shape, B = x.rows, qkv = Matrix(row.qkv, rows: B, columns: shape.columns)
        let cached = CachedHeads(cache, heads: shape.keyValueHeads, level: level)
        maps.project(x, into: row.qkv, position: position, on: pass.team)
        cached.keys(at: position).copy(from: qkv.columns(shape.keys))
        cached.values(at: position).copy(from: qkv.columns(shape.values))
        attention.forward(
            HeadRows(row.qkv, rowStride: shape.columns, headStride: shape.headWidth), position: position, cached,
            length: cache.length, levels: Array(repeating: level, count: B),
            into: HeadRows(row.attended, rowStride: shape.width, headStride: shape.headWidth), scores: row.scores,
            on: pass.team)
        maps.join(row.attended, into: branch, pass)
    }

    func bytes(sequences: Int, length: Int) -> Int {
        CachedHeads.count(heads: maps.shape.keyValueHeads, level: level, sequences: sequences, length: length)
            * MemoryLayout<Float>.stride
    }

    func flops(_ batch: MicroBatch) -> Int {
        maps.flops(rows: batch.rows)
            + batch.sequences * Attention.flops(of: 0..<batch.length, level: level, heads: maps.shape.heads)
    }
}
