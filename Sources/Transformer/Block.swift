import Kernels

// M = B L rows, D width.

/// One pre-norm layer: x + attention(norm(x)), then + feed-forward(norm(·)).
struct Block: Sendable {
    let layer: Int
    let norm1, norm2: Norm
    let maps: AttentionMaps
    /// The softmax of its queries, keys and values, which sublayers share.
    let softmax: Attention
    /// How it attends where no level is named.
    let attention: any AttentionSublayer
    let feedForward: FeedForward
    let scratch: BlockScratch
    let team: Team

    private var width: Int { norm1.gain.count }

    private func matrix(_ buffer: Buffer<Float>, _ batch: MicroBatch) -> Matrix {
        Matrix(buffer, rows: batch.rows, columns: width)
    }

    /// Reads `saved.input`, writes `output`, and fills the rest of `saved`.
    ///
    /// - Parameters:
    ///   - lowRank: names levels, or nil.
    ///   - place: the layer's place in the stage.
    /// - Returns: How it attended, for `backward`.
    func forward(
        _ saved: Activations.Layer, into output: Buffer<Float>, batch: MicroBatch, dropout: Dropout?,
        lowRank: LowRankPass?, place: Int
    ) -> any AttentionSublayer {
        let M = batch.rows, x = matrix(scratch.narrow, batch), branch = matrix(scratch.branch, batch)
        norm1.forward(saved.input, into: scratch.narrow, saved.norm1, rows: M, on: team)
        let attention = lowRank?.attention(of: self, place, x, batch) ?? attention
        attention.forward(x, saved.attention, into: branch, pass(batch, dropout))
        addBranch(maps.output.bias, residual: saved.input, into: saved.middle, batch, dropout, .attentionProjection)

        norm2.forward(saved.middle, into: scratch.narrow, saved.norm2, rows: M, on: team)
        feedForward.forward(x, hidden: saved.hidden, activated: scratch.wide, into: branch, on: team)
        addBranch(
            feedForward.output.bias, residual: saved.middle, into: output, batch, dropout, .feedForwardProjection)
        return attention
    }

    func pass(_ batch: MicroBatch, _ dropout: Dropout?, _ observer: AttentionObserver? = nil) -> AttentionPass {
        AttentionPass(layer: layer, batch: batch, dropout: dropout, team: team, observer: observer)
    }

    /// output = residual + dropout(branch + bias).
    private func addBranch(
        _ bias: Buffer<Float>?, residual: Buffer<Float>, into output: Buffer<Float>, _ batch: MicroBatch,
        _ dropout: Dropout?, _ site: Dropout.Site
    ) {
        let branch = scratch.branch
        if let dropout {
            if let bias { addBias(bias, to: branch, rows: batch.rows, on: team) }
            dropout.apply(to: branch, width: width, batch: batch, layer: layer, site: site, on: team)
        }
        residualForward(
            branch, bias: dropout == nil ? bias : nil, residual: residual, into: output, width: width, rows: batch.rows,
            on: team)
    }

    /// dx: [M, D], the gradient of the layer's output, becomes that of its input; parameters' gradients are added to,
    /// those of folded weights where the forward pass used them.
    ///
    /// - Parameters:
    ///   - attention: what `forward` returned.
    ///   - observer: sees what full attention gave and its gradient.
    func backward(
        _ saved: Activations.Layer, dx: Buffer<Float>, batch: MicroBatch, dropout: Dropout?,
        attention: any AttentionSublayer, observer: AttentionObserver? = nil
    ) {
        let s = scratch, M = batch.rows, x = matrix(s.narrow, batch)
        feedForward.hiddenGradient(
            branchGradient(dx, batch, dropout, .feedForwardProjection), hidden: saved.hidden, activated: s.wide,
            into: s.wideGradient, on: team)
        norm2.again(saved.middle, into: s.narrow, saved.norm2, rows: M, on: team)
        feedForward.backward(dhidden: s.wideGradient, x: x, dx: matrix(s.branch, batch), on: team)
        norm2.backward(dy: s.branch, x: saved.middle, saved.norm2, dx: dx, rows: M, on: team)

        // The feed-forward's scratch is free again.
        let heads = M * maps.shape.width, dnormed = s.wide[heads..<(heads + M * width)]
        let dbranch = branchGradient(dx, batch, dropout, .attentionProjection)
        norm1.again(saved.input, into: s.narrow, saved.norm1, rows: M, on: team)
        attention.backward(
            dbranch, x: x, saved.attention,
            AttentionScratch(dattended: s.wide[0..<heads], dqkv: s.wideGradient, delta: s.delta),
            dx: matrix(dnormed, batch), pass(batch, dropout, observer))
        norm1.backward(dy: dnormed, x: saved.input, saved.norm1, dx: dx, rows: M, on: team)
    }

    /// The gradient that enters a projection: dx itself, or a copy with the dropped elements' gradient dropped.
    private func branchGradient(
        _ dx: Buffer<Float>, _ batch: MicroBatch, _ dropout: Dropout?, _ site: Dropout.Site
    ) -> Matrix {
        guard let dropout else { return matrix(dx, batch) }
        let count = batch.rows * width
        scratch.branch[0..<count].copy(from: dx[0..<count])
        dropout.apply(to: scratch.branch, width: width, batch: batch, layer: layer, site: site, on: team)
        return matrix(scratch.branch, batch)
    }
}
