import Kernels

// M = B L rows, D width. Weights are [in, out].

/// A layer's parameters or gradients, by role.
struct BlockParameters: Sendable {
    let norm1Gain, norm1Bias, attentionBias, attentionProjectionBias: Buffer<Float>
    let norm2Gain, norm2Bias, feedForwardBias, feedForwardProjectionBias: Buffer<Float>
    /// [D, 3D], [D, D], [D, F], [F, D]; F = 4D in GPT-2.
    let attention, attentionProjection, feedForward, feedForwardProjection: Matrix

    /// Those of a layer that stand in `arena`.
    init(_ arena: Buffer<Float>, _ layout: ParameterLayout, layer: Int) {
        func vector(_ role: ParameterRole) -> Buffer<Float> { layout.vector(role, layer: layer, in: arena) }
        func matrix(_ role: ParameterRole) -> Matrix { layout.matrix(role, layer: layer, in: arena) }
        norm1Gain = vector(.norm1Gain)
        norm1Bias = vector(.norm1Bias)
        attention = matrix(.attention)
        attentionBias = vector(.attentionBias)
        attentionProjection = matrix(.attentionProjection)
        attentionProjectionBias = vector(.attentionProjectionBias)
        norm2Gain = vector(.norm2Gain)
        norm2Bias = vector(.norm2Bias)
        feedForward = matrix(.feedForward)
        feedForwardBias = vector(.feedForwardBias)
        feedForwardProjection = matrix(.feedForwardProjection)
        feedForwardProjectionBias = vector(.feedForwardProjectionBias)
    }
}

/// Memory that every layer uses in turn.
struct BlockScratch: Sendable {
    /// [M, D] norm outputs, projection outputs and their gradients.
    let narrow, branch: Buffer<Float>
    /// [M, F] GELU outputs and gradients, and room for two [M, D] and for dqkv.
    let wide, wideGradient: Buffer<Float>
    /// [B, H, L].
    let delta: Buffer<Float>

    init(width D: Int, heads: Int, feedForward F: Int, rows: Int, forTraining: Bool) {
        narrow = Buffer(uninitialized: rows * D)
        branch = Buffer(uninitialized: rows * D)
        wide = Buffer(uninitialized: rows * max(F, forTraining ? 2 * D : 0))
        wideGradient = Buffer(uninitialized: forTraining ? rows * max(F, 3 * D) : 0)
        delta = Buffer(uninitialized: forTraining ? rows * heads : 0)
    }
}

/// One pre-norm Transformer layer: x + attention(norm(x)), then + feed-forward(norm(·)).
struct Block: Sendable {
    let layer: Int
    let parameters: BlockParameters
    let gradients: BlockParameters
    let attention: Attention
    /// In place of `attention` where no level is named.
    var kernel: (any KernelisedAttention)?
    let scratch: BlockScratch
    let team: Team

    private var width: Int { parameters.norm1Gain.count }
    var feedForwardWidth: Int { parameters.feedForward.columns }

    /// Queries, keys and values of the norm's output.
    var attentionMap: Linear { map(\.attention, \.attentionBias, .projections) }
    /// From the heads' outputs to the residual stream.
    var attentionProjection: Linear { map(\.attentionProjection, \.attentionProjectionBias, .projections) }
    /// From the norm's output to the hidden layer.
    var feedForward: Linear { map(\.feedForward, \.feedForwardBias, .feedForward) }
    /// From the hidden layer to the residual stream.
    var feedForwardProjection: Linear { map(\.feedForwardProjection, \.feedForwardProjectionBias, .feedForward) }

    private func map(
        _ weight: KeyPath<BlockParameters, Matrix>, _ bias: KeyPath<BlockParameters, Buffer<Float>>, _ kind: FlopKind
    ) -> Linear {
        Linear(
            weight: parameters[keyPath: weight], bias: parameters[keyPath: bias],
            weightGradient: gradients[keyPath: weight], biasGradient: gradients[keyPath: bias], kind: kind)
    }

    private func matrix(_ buffer: Buffer<Float>, _ batch: MicroBatch, _ columns: Int) -> Matrix {
        Matrix(buffer, rows: batch.rows, columns: columns)
    }

    /// Reads `saved.input`, writes `output`, and fills the rest of `saved`. Attention is full unless there are folded
    /// weights and `lowRank` names levels, which are returned.
    func forward(
        _ saved: Activations.Layer, into output: Buffer<Float>, batch: MicroBatch, dropout: Dropout?,
        lowRank: LowRankPass?, folded: FoldedAttention?
    ) -> SegmentLevels? {
        let p = parameters, s = scratch, D = width, M = batch.rows
        let x = matrix(s.narrow, batch, D), branch = matrix(s.branch, batch, D)
        layerNormForward(saved.input, gamma: p.norm1Gain, beta: p.norm1Bias, into: s.narrow,
            mean: saved.mean1, rstd: saved.rstd1, rows: M, on: team)
        let input = AttentionInput(layer: layer, x: x, weight: p.attention, bias: p.attentionBias)
        lowRank?.observe?(input, batch)
        let chosen = lowRank?.levels(input, batch)
        if let folded, let chosen {
            let lowRankLayer = LowRankLayer(folded, attention, chosen.levels, on: team)
            if let refine = lowRank?.refine {
                lowRankLayer.forward(
                    input, p, refining: refine, qkv: saved.qkv, attended: saved.attended, lse: saved.lse, into: branch,
                    batch: batch)
            } else {
                lowRankLayer.forward(
                    x, qkv: saved.qkv, attended: saved.attended, lse: saved.lse, into: branch, batch: batch,
                    dropout: dropout, layer: layer)
                chosen.review?(lowRankLayer.output(saved.attended, batch: batch, dropout: dropout))
            }
        } else {
            attentionMap.forward(x, into: saved.qkv, on: team)
            if let kernel {
                kernel.forward(
                    qkv: saved.qkv, out: saved.attended, kept: saved.lse, batch: batch, layer: layer, on: team)
            } else {
                attention.forward(
                    qkv: saved.qkv, out: saved.attended, lse: saved.lse, batch: batch, dropout: dropout, layer: layer,
                    on: team)
            }
            attentionProjection.product(matrix(saved.attended, batch, D), into: branch, on: team)
        }
        addBranch(p.attentionProjectionBias, residual: saved.input, into: saved.middle, batch, dropout,
            .attentionProjection)

        layerNormForward(saved.middle, gamma: p.norm2Gain, beta: p.norm2Bias, into: s.narrow,
            mean: saved.mean2, rstd: saved.rstd2, rows: M, on: team)
        feedForward.product(x, into: matrix(saved.hidden, batch, feedForwardWidth), on: team)
        geluForward(saved.hidden, bias: p.feedForwardBias, into: s.wide, rows: M, on: team)
        feedForwardProjection.product(matrix(s.wide, batch, feedForwardWidth), into: branch, on: team)
        addBranch(p.feedForwardProjectionBias, residual: saved.middle, into: output, batch, dropout,
            .feedForwardProjection)
        return folded == nil ? nil : chosen?.levels
    }

    /// output = residual + dropout(branch + bias).
    private func addBranch(
        _ bias: Buffer<Float>, residual: Buffer<Float>, into output: Buffer<Float>, _ batch: MicroBatch,
        _ dropout: Dropout?, _ site: Dropout.Site
    ) {
        let branch = scratch.branch, D = width
        if let dropout {
            addBias(bias, to: branch, rows: batch.rows, on: team)
            dropout.apply(to: branch, width: D, batch: batch, layer: layer, site: site, on: team)
        }
        residualForward(
            branch, bias: dropout == nil ? bias : nil, residual: residual, into: output, width: D, rows: batch.rows,
            on: team)
    }

    /// dx: [M, D], the gradient of the layer's output, becomes that of its input; parameters' gradients are added to,
    /// those of folded weights where the forward pass used them.
    func backward(
        _ saved: Activations.Layer, dx: Buffer<Float>, batch: MicroBatch, dropout: Dropout?, lowRank: LowRankLayer?
    ) {
        let p = parameters, g = gradients, s = scratch, D = width, F = feedForwardWidth, M = batch.rows
        let x = matrix(s.narrow, batch, D)

        let dBranch2 = branchGradient(dx, batch, dropout, .feedForwardProjection)
        let dHidden = matrix(s.wideGradient, batch, F)
        feedForwardProjection.inputGradient(dBranch2, into: dHidden, on: team)
        geluBackward(h: saved.hidden, y: s.wide, dy: s.wideGradient, count: M * F, on: team)
        feedForwardProjection.backward(dy: dBranch2, x: matrix(s.wide, batch, F), dx: nil, on: team)
        layerNormAgain(saved.middle, gamma: p.norm2Gain, beta: p.norm2Bias, into: s.narrow,
            mean: saved.mean2, rstd: saved.rstd2, rows: M, on: team)
        feedForward.backward(dy: dHidden, x: x, dx: matrix(s.branch, batch, D), on: team)
        layerNormBackward(dy: s.branch, x: saved.middle, gamma: p.norm2Gain, mean: saved.mean2, rstd: saved.rstd2,
            dx: dx, dgamma: g.norm2Gain, dbeta: g.norm2Bias, rows: M, on: team)

        let dBranch1 = branchGradient(dx, batch, dropout, .attentionProjection)
        // The feed-forward's scratch is free again.
        let dAttended = s.wide[0..<(M * D)], dNormed = s.wide[(M * D)..<(2 * M * D)]
        layerNormAgain(saved.input, gamma: p.norm1Gain, beta: p.norm1Bias, into: s.narrow,
            mean: saved.mean1, rstd: saved.rstd1, rows: M, on: team)
        if let lowRank {
            biasBackward(dy: dBranch1, dbias: g.attentionProjectionBias, on: team)
            lowRank.backward(
                dbranch: dBranch1, x: x, qkv: saved.qkv, attended: saved.attended, lse: saved.lse,
                dattended: dAttended, dqkv: s.wideGradient, delta: s.delta, dx: matrix(dNormed, batch, D),
                batch: batch, dropout: dropout, layer: layer)
        } else {
            attentionProjection.backward(
                dy: dBranch1, x: matrix(saved.attended, batch, D), dx: matrix(dAttended, batch, D), on: team)
            if let kernel {
                kernel.backward(
                    qkv: saved.qkv, out: saved.attended, kept: saved.lse, dout: dAttended, dqkv: s.wideGradient,
                    delta: s.delta, batch: batch, layer: layer, on: team)
            } else {
                attention.backward(
                    qkv: saved.qkv, out: saved.attended, lse: saved.lse, dout: dAttended, dqkv: s.wideGradient,
                    delta: s.delta, batch: batch, dropout: dropout, layer: layer, on: team)
            }
            attentionMap.backward(
                dy: matrix(s.wideGradient, batch, 3 * D), x: x, dx: matrix(dNormed, batch, D), on: team)
        }
        layerNormBackward(dy: dNormed, x: saved.input, gamma: p.norm1Gain, mean: saved.mean1, rstd: saved.rstd1,
            dx: dx, dgamma: g.norm1Gain, dbeta: g.norm1Bias, rows: M, on: team)
    }

    /// The gradient that enters a projection: dx itself, or a copy with the dropped elements' gradient dropped.
    private func branchGradient(
        _ dx: Buffer<Float>, _ batch: MicroBatch, _ dropout: Dropout?, _ site: Dropout.Site
    ) -> Matrix {
        guard let dropout else { return matrix(dx, batch, width) }
        let count = batch.rows * width
        scratch.branch[0..<count].copy(from: dx[0..<count])
        dropout.apply(to: scratch.branch, width: width, batch: batch, layer: layer, site: site, on: team)
        return matrix(scratch.branch, batch, width)
    }
}
