import Kernels

/// Full attention of queries, keys and values that stand side by side; qkv, dqkv: [B L, (H + 2 G) d], out, dout: [B L, H d].
extension Attention {
    /// `forward` at level d:d.
    public func forward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int,
        on team: Team
    ) {
        precondition(qkv.count >= batch.rows * shape.columns && out.count >= batch.rows * shape.width)
        forward(
            Operands(qkv: qkv, shape), out: heads(of: out), lse: lse, levels: full(batch), batch: batch,
            dropout: dropout, layer: layer, on: team)
    }

    /// `backward` at level d:d.
    public func backward(
        qkv: Buffer<Float>, out: Buffer<Float>, lse: Buffer<Float>, dout: Buffer<Float>, dqkv: Buffer<Float>,
        delta: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, layer: Int, on team: Team
    ) {
        precondition(qkv.count >= batch.rows * shape.columns && dqkv.count >= batch.rows * shape.columns)
        precondition(out.count >= batch.rows * shape.width && dout.count >= batch.rows * shape.width)
        backward(
            Operands(qkv: qkv, shape), out: heads(of: out), lse: lse, dout: heads(of: dout),
            gradients: Operands(qkv: dqkv, shape), delta: delta, levels: full(batch), batch: batch, dropout: dropout,
            layer: layer, on: team)
    }

    private func heads(of out: Buffer<Float>) -> HeadRows {
        HeadRows(out, rowStride: shape.width, headStride: shape.headWidth)
    }

    private func full(_ batch: MicroBatch) -> SegmentLevels {
        .uniform(AttentionLevel(scoreRank: headWidth, valueRank: headWidth), for: batch)
    }
}
