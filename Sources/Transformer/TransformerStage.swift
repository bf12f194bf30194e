import Kernels

/// One stage of a GPT-2 language model: its parameters, and its forward and backward pass.
///
/// With one stage it is the whole model. A micro-batch's pass runs `forward` on each stage in turn, then `loss` on the
/// last, then `backward` from the last to the first.
public final class TransformerStage: Sendable {
    public let configuration: ModelConfiguration
    public let placement: StagePlacement
    public let parameters: ParameterArena
    public let team: Team
    /// Rows of the largest micro-batch.
    public let capacity: Int
    /// [M, D] the gradient of the residual stream: `loss` writes it on the last stage, other stages receive it here,
    /// and `backward` turns it into the gradient of the stage's input.
    public let streamGradient: Buffer<Float>

    private let blocks: [Block]
    private let head: Head?
    private let forTraining: Bool
    /// [M, D] output of the final norm.
    private let normed: Buffer<Float>
    /// [M, D] its gradient.
    private let normedGradient: Buffer<Float>

    /// Memory for micro-batches of at most `rows` = B × length rows. Parameters are zero until initialised or loaded.
    ///
    /// - Parameters:
    ///   - kind: how layers attend in passes that name no level for them.
    ///   - other: a stage of the same configuration and placement whose parameters it shares.
    public init(
        _ configuration: ModelConfiguration, placement: StagePlacement, rows: Int, team: Team, forTraining: Bool = true,
        attention kind: AttentionKind = .softmax, sharing other: TransformerStage? = nil
    ) {
        precondition(other.map { $0.configuration == configuration && $0.placement == placement } ?? true)
        self.configuration = configuration
        self.placement = placement
        self.team = team
        self.forTraining = forTraining
        capacity = rows
        let layout = ParameterLayout(configuration, placement)
        let arena = other?.parameters ?? ParameterArena(layout)
        parameters = arena
        let attention = Attention(heads: configuration.heads, headWidth: configuration.headWidth, team: team)
        let kernel = kind.kernel(configuration, layers: placement.layers, team: team, forTraining: forTraining)
        let scratch = BlockScratch(
            width: configuration.width, heads: configuration.heads, feedForward: configuration.feedForwardWidth, rows: rows,
            forTraining: forTraining)
        blocks = placement.layers.map { layer in
            Block(
                layer: layer, parameters: BlockParameters(arena.values, layout, layer: layer),
                gradients: BlockParameters(arena.gradients, layout, layer: layer),
                attention: attention, kernel: kernel, scratch: scratch, team: team)
        }
        streamGradient = Buffer(uninitialized: forTraining ? rows * configuration.width : 0)
        head = placement.isLast ? Head(vocabularySize: configuration.vocabularySize, rows: rows) : nil
        normed = Buffer(uninitialized: placement.isLast ? rows * configuration.width : 0)
        normedGradient = Buffer(uninitialized: placement.isLast && forTraining ? rows * configuration.width : 0)
    }

    /// Room for one micro-batch's activations; a pipeline needs one for each micro-batch in flight.
    public func makeActivations() -> Activations {
        Activations(configuration, layerCount: placement.layers.count, rows: capacity, forTraining: forTraining)
    }

    /// Where the first stage's embedding goes, or where the stage before sends its output: [M, D].
    public func input(of activations: Activations) -> Buffer<Float> { activations.layers[0].input }

    /// Runs the stage's layers; `activations.output` is what the next stage reads. Attention is of the stage's kind where
    /// `lowRank` is nil or names no levels.
    public func forward(
        _ batch: MicroBatch, _ activations: Activations, dropout: Dropout? = nil, lowRank: LowRankPass? = nil
    ) {
        precondition(batch.rows <= activations.capacity, "a micro-batch of \(batch.rows) rows")
        if placement.isFirst {
            let x = input(of: activations)
            embeddingForward(
                batch, tokenTable: tokenTable(parameters.values), positionTable: positionTable(parameters.values),
                into: x, on: team)
            dropout?.apply(to: x, width: configuration.width, batch: batch, layer: 0, site: .embedding, on: team)
        }
        for (i, block) in blocks.enumerated() {
            activations.levels[i] = block.forward(
                activations.layers[i], into: activations.output(ofLayer: i), batch: batch, dropout: dropout,
                lowRank: lowRank, folded: lowRank.flatMap { $0.layers.isEmpty ? nil : $0.layers[i] })
        }
    }

    /// [D, 3D] the weights of queries, keys and values of a layer of this stage.
    public func attentionWeight(layer: Int) -> Matrix {
        blocks[layer - placement.layers.lowerBound].parameters.attention
    }

    /// Multiplies the bases into the weights; once a step, before its first forward pass.
    public func fold(_ lowRank: LowRankPass) {
        for (folded, block) in zip(lowRank.layers, blocks) { folded.fold(block.parameters, on: team) }
    }

    /// Turns a layer's gradients of folded weights into those of the weights; once a step, when `backward` has finished
    /// with the layer for the last time.
    public func unfold(_ lowRank: LowRankPass, layer: Int) {
        let i = layer - placement.layers.lowerBound
        lowRank.layers[i].unfold(into: blocks[i].gradients, on: team)
    }

    private func layer(_ i: Int, _ lowRank: LowRankPass?, _ levels: SegmentLevels?) -> LowRankLayer? {
        guard let lowRank, let levels else { return nil }
        return LowRankLayer(lowRank.layers[i], blocks[i].attention, levels, on: team)
    }

    /// Last stage: the sum of the negative log-likelihood of the targets, in nats; `streamGradient` becomes the gradient
    /// of `scale` times it, and the final norm's and the head's gradients are added to.
    public func loss(_ batch: MicroBatch, _ activations: Activations, scale: Float) -> Double {
        let M = batch.rows, D = configuration.width
        let x = finalNorm(batch, activations)
        let dx = Matrix(normedGradient, rows: M, columns: D)
        let total = lastHead.forwardBackward(
            x, embedding: tokenTable(parameters.values), targets: batch.targets, scale: scale, dx: dx,
            dembedding: tokenTable(parameters.gradients), on: team)
        streamGradient[0..<(M * D)].fill(0)
        layerNormBackward(
            dy: normedGradient, x: activations.output, gamma: vector(.finalNormGain, parameters.values),
            mean: activations.finalMean, rstd: activations.finalRstd, dx: streamGradient,
            dgamma: vector(.finalNormGain, parameters.gradients),
            dbeta: vector(.finalNormBias, parameters.gradients), rows: M, on: team)
        return total
    }

    /// Last stage: each row's negative log-likelihood in nats, without gradients; nll: [M].
    public func negativeLogLikelihood(_ batch: MicroBatch, _ activations: Activations, into nll: Buffer<Double>) {
        let x = finalNorm(batch, activations)
        lastHead.forward(
            x, embedding: tokenTable(parameters.values), targets: batch.targets, into: nll, on: team)
    }

    /// Last stage: the logits of every row, [M, V]; for small models and tests, since nothing else needs them.
    public func logits(_ batch: MicroBatch, _ activations: Activations) -> Buffer<Float> {
        let x = finalNorm(batch, activations)
        let logits = Buffer<Float>(uninitialized: batch.rows * configuration.vocabularySize)
        team.gemm(
            x, tokenTable(parameters.values).transposed,
            into: Matrix(logits, rows: batch.rows, columns: configuration.vocabularySize), .head, in: team.precision)
        return logits
    }

    /// Adds this micro-batch's gradients and turns `streamGradient` into the gradient of the stage's input.
    ///
    /// `finished` is told of each layer whose gradients are complete for this micro-batch, last layer first, and
    /// finally, on the first stage, of the embedding (nil). With `keepsTokenRows` the first stage does not add to the token
    /// embedding's gradient: `streamGradient` then holds what is to be added, a row a token.
    public func backward<Failure: Error>(
        _ batch: MicroBatch, _ activations: Activations, dropout: Dropout? = nil, lowRank: LowRankPass? = nil,
        keepsTokenRows: Bool = false, finished: (_ layer: Int?) throws(Failure) -> Void
    ) throws(Failure) {
        for (i, block) in blocks.enumerated().reversed() {
            block.backward(
                activations.layers[i], dx: streamGradient, batch: batch, dropout: dropout,
                lowRank: layer(i, lowRank, activations.levels[i]))
            try finished(block.layer)
        }
        if placement.isFirst {
            dropout?.apply(
                to: streamGradient, width: configuration.width, batch: batch, layer: 0, site: .embedding, on: team)
            positionEmbeddingBackward(
                batch, dx: streamGradient, positionTable: positionTable(parameters.gradients), on: team)
            if !keepsTokenRows {
                tokenEmbeddingBackward(
                    batch.tokens[0..<batch.rows], dx: streamGradient, tokenTable: tokenTable(parameters.gradients), on: team)
            }
            try finished(nil)
        }
    }

    /// `backward` for a caller that need not know when a layer is finished.
    public func backward(
        _ batch: MicroBatch, _ activations: Activations, dropout: Dropout? = nil, lowRank: LowRankPass? = nil
    ) {
        backward(batch, activations, dropout: dropout, lowRank: lowRank) { (_) throws(Never) in }
    }

    private var lastHead: Head {
        guard let head else { preconditionFailure("the head is on the last stage") }
        return head
    }

    private func finalNorm(_ batch: MicroBatch, _ activations: Activations) -> Matrix {
        layerNormForward(
            activations.output, gamma: vector(.finalNormGain, parameters.values),
            beta: vector(.finalNormBias, parameters.values), into: normed, mean: activations.finalMean,
            rstd: activations.finalRstd, rows: batch.rows, on: team)
        return Matrix(normed, rows: batch.rows, columns: configuration.width)
    }

    private func vector(_ role: ParameterRole, _ arena: Buffer<Float>) -> Buffer<Float> {
        parameters.layout.vector(role, in: arena)
    }

    private func tokenTable(_ arena: Buffer<Float>) -> Matrix {
        parameters.layout.matrix(.tokenEmbedding, in: arena)
    }

    private func positionTable(_ arena: Buffer<Float>) -> Matrix {
        parameters.layout.matrix(.positionEmbedding, in: arena)
    }
}
