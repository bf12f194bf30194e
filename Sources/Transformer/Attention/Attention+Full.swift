import Kernels

/// Full attention over GPT-2's layout; qkv, dqkv: [B L, 3 D], out, dout: [B L, D].
extension Attention {
    /// `forward` at level d:d.
    public func forward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int,
        on team: Team
    ) {
        let D = heads * headWidth
        precondition(qkv.count >= batch.rows * 3 * D && out.count >= batch.rows * D)
        forward(
            Operands(qkv: qkv, width: D, headWidth: headWidth),
            out: HeadRows(out, rowStride: D, headStride: headWidth), lse: lse, levels: full(batch), batch: batch,
            dropout: dropout, layer: layer, on: team)
    }

    /// `backward` at level d:d.
    public func backward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, dout: Buffer<Float>, dqkv: Buffer<Float>,
        delta: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        let D = heads * headWidth
        precondition(qkv.count >= batch.rows * 3 * D && dqkv.count >= batch.rows * 3 * D)
        precondition(out.count >= batch.rows * D && dout.count >= batch.rows * D)
        backward(
            Operands(qkv: qkv, width: D, headWidth: headWidth),
            out: HeadRows(out, rowStride: D, headStride: headWidth), lse: lse,
            dout: HeadRows(dout, rowStride: D, headStride: headWidth),
            gradients: Operands(qkv: dqkv, width: D, headWidth: headWidth), delta: delta, levels: full(batch),
            batch: batch, dropout: dropout, layer: layer, on: team)
    }

    private func full(_ batch: MicroBatch) -> SegmentLevels {
        .uniform(AttentionLevel(scoreRank: headWidth, valueRank: headWidth), for: batch)
    }
}
