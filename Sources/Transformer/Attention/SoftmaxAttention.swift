import Kernels

// M = B L rows, D width; H query heads on G key/value heads of width d.

/// Full attention.
struct SoftmaxAttention: AttentionSublayer {
    let maps: AttentionMaps
    let attention: Attention

    func forward(_ x: Matrix, _ kept: KeptAttention, into branch: Matrix, _ pass: AttentionPass) {
        maps.project(x, into: kept.qkv, batch: pass.batch, on: pass.team)
        attention.forward(
            qkv: kept.qkv, out: kept.attended, lse: kept.lse, batch: pass.batch, dropout: pass.dropout, layer: pass.layer,
            on: pass.team)
        maps.join(kept.attended, into: branch, on: pass.team)
    }

    func backward(
        _ dbranch: Matrix, x: Matrix, _ kept: KeptAttention, _ scratch: AttentionScratch, dx: Matrix, _ pass: AttentionPass
    ) {
        maps.joinBackward(dbranch, attended: kept.attended, into: scratch.dattended, on: pass.team)
        pass.observer?(
            ObservedAttention(
                layer: pass.layer, batch: pass.batch, qkv: kept.qkv, outputs: kept.attended,
                outputGradients: scratch.dattended))
        attention.backward(
            qkv: kept.qkv, out: kept.attended, lse: kept.lse, dout: scratch.dattended, dqkv: scratch.dqkv,
            delta: scratch.delta, batch: pass.batch, dropout: pass.dropout, layer: pass.layer, on: pass.team)
        maps.projectBackward(scratch.dqkv, x: x, dx: dx, batch: pass.batch, on: pass.team)
    }

    /// One row of each sequence, at `position`, against the rows before it.
    ///
    /// - Parameters:
    ///   - x: [B, D].
    ///   - cache: [B, L, (H + 2 G) d] queries, keys and values of the positions so far, to which these are added.
    ///   - row: [B, (H + 2 G) d] scratch.
    ///   - attended: [B, H d] scratch.
    ///   - scores: [L + 2] scratch.
    ///   - branch: [B, D], without the output's bias.
    func advance(
        _ x: Matrix, position: Int, cache: Buffer<Float>, row: Buffer<Float>, attended: Buffer<Float>,
        scores: Buffer<Float>, into branch: Matrix, batch: MicroBatch, on team: Team
    ) {
        maps.project(x, into: row, position: position, on: team)
        let columns = maps.shape.columns
        for b in 0..<batch.sequences {
            let first = (b * batch.length + position) * columns
            cache[first..<(first + columns)].copy(from: row[(b * columns)..<((b + 1) * columns)])
        }
        attention.forward(qkv: cache, position: position, into: attended, scores: scores, batch: batch, on: team)
        maps.join(attended, into: branch, on: team)
    }
}
