import Kernels

// B sequences of at most L positions, D width, F feed-forward width, C columns of its first map.

extension Block {
    /// What a block writes on its way through one position of B sequences; blocks of one shape share it.
    struct Row: Sendable {
        /// [B, D].
        let normed, branch: Buffer<Float>
        let attention: AttentionRow
        /// [B, C] and [B, F].
        let hidden, activated: Buffer<Float>
        /// Of B rows.
        let statistics: Norm.Statistics

        init(_ shape: LayerShape, batch: MicroBatch, team: Team) {
            let B = batch.sequences, F = shape.feedForwardWidth
            func floats(_ width: Int) -> Buffer<Float> { Buffer(uninitialized: B * width) }
            (normed, branch) = (floats(shape.width), floats(shape.width))
            attention = AttentionRow(shape.attention, sequences: B, length: batch.length, team: team)
            (hidden, activated) = (floats(shape.activation.columns(F)), floats(F))
            statistics = Norm.Statistics(shape.norm, rows: B)
        }
    }

    /// One position of each sequence: `stream`, [B, D], goes from the layer's input to its output.
    ///
    /// - Parameters:
    ///   - cache: What `attention` made, and filled at the positions before.
    ///   - seen: Sees what attention reads, [B, D].
    func advance(
        _ stream: Buffer<Float>, position: Int, _ cache: AttentionCache, _ row: Row, batch: MicroBatch,
        attention: any AttentionSublayer, seen: (Matrix) -> Void = { _ in }
    ) {
        let B = batch.sequences, D = norm1.gain.count
        let x = Matrix(row.normed, rows: B, columns: D), branch = Matrix(row.branch, rows: B, columns: D)
        norm1.forward(stream, into: row.normed, row.statistics, rows: B, on: team)
        seen(x)
        attention.advance(x, position: position, cache, row.attention, into: branch, pass(batch, nil))
        residualForward(
            row.branch, bias: maps.output.bias, residual: stream, into: stream, width: D, rows: B, on: team)

        norm2.forward(stream, into: row.normed, row.statistics, rows: B, on: team)
        feedForward.forward(x, hidden: row.hidden, activated: row.activated, into: branch, on: team)
        residualForward(
            row.branch, bias: feedForward.output.bias, residual: stream, into: stream, width: D, rows: B, on: team)
    }
}
