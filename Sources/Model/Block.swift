import Kernels

// B sequences of L tokens, or of at most L positions; M = B L rows, D width, F hidden width of the feed-forward, C columns of
// its first map; attention's shape H, G, d.

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
        forward(saved, into: output, batch: batch, dropout: dropout) { x in
            lowRank?.attention(of: self, place, x, batch) ?? attention
        }
    }

    /// The same, where `attending` says how it attends to its norm's output, [M, D].
    func forward(
        _ saved: Activations.Layer, into output: Buffer<Float>, batch: MicroBatch, dropout: Dropout?,
        attending: (Matrix) -> any AttentionSublayer
    ) -> any AttentionSublayer {
        let M = batch.rows, x = matrix(scratch.narrow, batch), branch = matrix(scratch.branch, batch)
        norm1.forward(saved.input, into: scratch.narrow, saved.norm1, rows: M, on: team)
        let attention = attending(x), pass = pass(batch, dropout)
        attention.forward(x, saved.attention, into: branch, pass)
        addBranch(maps.output.bias, residual: saved.input, into: saved.middle, batch, pass.dropout, .attentionProjection)

        norm2.forward(saved.middle, into: scratch.narrow, saved.norm2, rows: M, on: team)
        feedForward.forward(
            x, hidden: saved.hidden, activated: scratch.wide, into: branch, dropping: pass.adapterDropout, on: team)
        addBranch(
            feedForward.output.bias, residual: saved.middle, into: output, batch, pass.dropout, .feedForwardProjection)
        return attention
    }

    func pass(
        _ batch: MicroBatch, _ dropout: Dropout?, _ observer: AttentionObserver? = nil, on team: Team? = nil
    ) -> AttentionPass {
        AttentionPass(layer: layer, batch: batch, dropout: dropout, team: team ?? self.team, observer: observer)
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
    ///   - lowRank: whoever watches the gradients of attention, or nil.
    ///   - observer: sees what full attention gave and its gradient.
    func backward(
        _ saved: Activations.Layer, dx: Buffer<Float>, batch: MicroBatch, dropout: Dropout?,
        attention: any AttentionSublayer, lowRank: LowRankPass? = nil, observer: AttentionObserver? = nil
    ) {
        let s = scratch, M = batch.rows, x = matrix(s.narrow, batch), pass = pass(batch, dropout, observer)
        feedForward.hiddenGradient(
            branchGradient(dx, batch, pass.dropout, .feedForwardProjection), hidden: saved.hidden, activated: s.wide,
            into: s.wideGradient, dropping: pass.adapterDropout, on: team)
        norm2.again(saved.middle, into: s.narrow, saved.norm2, rows: M, on: team)
        feedForward.backward(
            dhidden: s.wideGradient, x: x, dx: matrix(s.branch, batch), dropping: pass.adapterDropout, on: team)
        norm2.backward(dy: s.branch, x: saved.middle, saved.norm2, dx: dx, rows: M, on: team)

        // The feed-forward's scratch is free again.
        let heads = M * maps.shape.width, dnormed = s.wide[heads..<(heads + M * width)]
        let dbranch = branchGradient(dx, batch, pass.dropout, .attentionProjection)
        lowRank?.observeGradient?(BranchGradient(layer: layer, gradient: dbranch, maps: maps), batch)
        norm1.again(saved.input, into: s.narrow, saved.norm1, rows: M, on: team)
        attention.backward(
            dbranch, x: x, saved.attention,
            AttentionScratch(dattended: s.wide[0..<heads], dqkv: s.wideGradient, delta: s.delta),
            dx: matrix(dnormed, batch), pass)
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

/// Memory that every layer of a stage uses in turn.
struct BlockScratch: Sendable {
    /// [M, D] norm outputs, projection outputs and their gradients.
    let narrow, branch: Buffer<Float>
    /// [M, F] activations; in training with room for [M, H d] and [M, D].
    let wide: Buffer<Float>
    /// [M, C] gradients of the hidden layer, with room for [M, (H + 2 G) d].
    let wideGradient: Buffer<Float>
    /// [B, H, L].
    let delta: Buffer<Float>
    /// [M, (H + G) d] rotated queries and keys at levels; empty where positions are learnt.
    let rotated: Buffer<Float>

    init(_ shape: LayerShape, rows: Int, forTraining: Bool) {
        let widths = Self.widths(shape, forTraining: forTraining)
        func floats(_ width: Int) -> Buffer<Float> { Buffer(uninitialized: rows * width) }
        narrow = floats(widths.narrow)
        branch = floats(widths.narrow)
        wide = floats(widths.wide)
        wideGradient = floats(widths.wideGradient)
        delta = floats(widths.delta)
        rotated = floats(widths.rotated)
    }

    /// Floats for each row.
    static func floats(_ shape: LayerShape, forTraining: Bool) -> Int {
        let widths = widths(shape, forTraining: forTraining)
        return 2 * widths.narrow + widths.wide + widths.wideGradient + widths.delta + widths.rotated
    }

    private static func widths(
        _ shape: LayerShape, forTraining: Bool
    ) -> (narrow: Int, wide: Int, wideGradient: Int, delta: Int, rotated: Int) {
        let F = shape.feedForwardWidth, own = shape.attention
        return (
            shape.width, max(F, forTraining ? own.width + shape.width : 0),
            forTraining ? max(shape.activation.columns(F), own.columns) : 0, forTraining ? own.heads : 0,
            shape.rotation == nil ? 0 : own.keys.upperBound)
    }
}

extension Block {
    /// Fills the cache of a sequence from what `forward` left of it, attending by `attention`.
    func fill(
        _ cache: AttentionCache, sequence: Int, from saved: Activations.Layer, _ row: Row, _ attention: any AttentionSublayer,
        _ batch: MicroBatch
    ) {
        attention.fill(cache, sequence: sequence, from: saved.attention, row.attention, pass(batch, nil))
    }

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

    /// One row each of some sequences: `stream`, [rows, D], goes from the layer's input to its output.
    ///
    /// - Parameters:
    ///   - cache: What `attention` made, and filled at the positions before.
    ///   - team: Whose threads compute.
    ///   - attending: Says how it attends to its norm's output, [rows, D].
    func advance(
        _ stream: Buffer<Float>, at places: [CachePlace], _ cache: AttentionCache, _ row: Row, batch: MicroBatch,
        on team: Team, attending: (Matrix) -> any AttentionSublayer
    ) {
        let B = places.count, D = norm1.gain.count
        let x = Matrix(row.normed, rows: B, columns: D), branch = Matrix(row.branch, rows: B, columns: D)
        norm1.forward(stream, into: row.normed, row.statistics, rows: B, on: team)
        attending(x).advance(x, at: places, cache, row.attention, into: branch, pass(batch, nil, on: team))
        residualForward(
            row.branch, bias: maps.output.bias, residual: stream, into: stream, width: D, rows: B, on: team)

        norm2.forward(stream, into: row.normed, row.statistics, rows: B, on: team)
        feedForward.forward(x, hidden: row.hidden, activated: row.activated, into: branch, dropping: nil, on: team)
        residualForward(
            row.branch, bias: feedForward.output.bias, residual: stream, into: stream, width: D, rows: B, on: team)
    }
}
