import Kernels

/// One stage of a language model: its parameters, and its forward and backward pass.
///
/// With one stage it is the whole model. A micro-batch's pass runs `forward` on each stage in turn, then `loss` on the
/// last, then `backward` from the last to the first.
///
///     let stage = TransformerStage(model, placement: .whole(model), rows: batch.rows, team: team)
///     let activations = stage.makeActivations()
///     stage.forward(batch, activations)
///     let nats = stage.loss(batch, activations, scale: 1 / Float(batch.rows))
///     stage.backward(batch, activations)  // into stage.parameters.gradients
public final class TransformerStage: Sendable {
    /// The whole model's shape.
    public let configuration: ModelConfiguration
    /// Which layers are this stage's.
    public let placement: StagePlacement
    /// Their weights.
    public let parameters: ParameterArena
    /// What adds to their linear maps; nil where nothing does.
    public let adapters: StageAdapters?
    /// The threads that compute.
    public let team: Team
    /// Rows of the largest micro-batch.
    public let capacity: Int
    /// [M, D] the gradient of the residual stream: `loss` writes it on the last stage, other stages receive it here,
    /// and `backward` turns it into the gradient of the stage's input.
    public let streamGradient: Buffer<Float>

    let blocks: [Block]
    private let finalNorm: Norm?
    private let head: Head?
    private let forTraining: Bool
    /// Whether backward passes add to gradients of parameters.
    private let learns: Bool
    /// [M, D] output of the final norm.
    private let normed: Buffer<Float>
    /// [M, D] its gradient.
    private let normedGradient: Buffer<Float>

    /// Memory for micro-batches of at most `rows` = B × length rows. Parameters are zero until initialised or loaded.
    ///
    /// - Parameters:
    ///   - forTraining: whether there are backward passes.
    ///   - learns: whether these add to gradients of parameters; else there are no such gradients, nor moments, and backward
    ///     passes are for the gradients of what layers read.
    ///   - kind: how layers attend in passes that name no level for them.
    ///   - adapter: what adds to linear maps, and learns in the place of all other parameters; must suit the model.
    ///   - other: a stage of the same configuration and placement whose parameters it shares.
    public init(
        _ configuration: ModelConfiguration, placement: StagePlacement, rows: Int, team: Team, forTraining: Bool = true,
        learns: Bool = true, attention kind: AttentionKind = .softmax, adapter: PlacedAdapter? = nil,
        sharing other: TransformerStage? = nil
    ) {
        let hasAdapter = adapter != nil || other?.adapters != nil, adaptersLearn = forTraining && learns
        let learns = forTraining && learns && !hasAdapter
        precondition(other.map { $0.configuration == configuration && $0.placement == placement } ?? true)
        self.configuration = configuration
        self.placement = placement
        self.team = team
        self.forTraining = forTraining
        self.learns = learns
        capacity = rows
        let layout = ParameterLayout(configuration, placement)
        let arena = other?.parameters ?? ParameterArena(layout, forTraining: learns)
        parameters = arena
        let adapters = other?.adapters ?? adapter.map { StageAdapters($0, placement: placement, learns: adaptersLearn) }
        self.adapters = adapters
        let builder = BlockBuilder(
            configuration.layer, in: arena, context: configuration.context, rows: rows, team: team,
            forTraining: forTraining, learns: learns,
            kernel: kind.kernel(configuration, layers: placement.layers, team: team, forTraining: forTraining),
            adapters: adapters)
        blocks = placement.layers.map(builder.block)
        finalNorm = placement.isLast ? builder.finalNorm : nil
        streamGradient = Buffer(uninitialized: forTraining ? rows * configuration.width : 0)
        head = placement.isLast ? Head(builder.head, rows: rows) : nil
        normed = Buffer(uninitialized: placement.isLast ? rows * configuration.width : 0)
        normedGradient = Buffer(uninitialized: placement.isLast && forTraining ? rows * configuration.width : 0)
    }

    /// What learns: the adapters' parameters where there are any, else the weights.
    public var learnt: ParameterArena { adapters?.arena ?? parameters }

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
        if placement.isFirst { embed(batch, activations, dropout: dropout) }
        forward(batch, activations, layers: placement.layers, dropout: dropout, lowRank: lowRank)
    }

    /// First stage: the embedding of the tokens, where the first layer reads it.
    public func embed(_ batch: MicroBatch, _ activations: Activations, dropout: Dropout? = nil) {
        let x = input(of: activations)
        embeddingForward(
            batch, tokenTable: tokenTable(parameters.values), positionTable: positionTable(parameters.values),
            into: x, on: team)
        dropout?.ofModel?.apply(to: x, width: configuration.width, batch: batch, layer: 0, site: .embedding, on: team)
    }

    /// Runs some of the stage's layers, the first of them on what `stream(before:of:)` holds.
    public func forward(
        _ batch: MicroBatch, _ activations: Activations, layers: Range<Int>, dropout: Dropout? = nil,
        lowRank: LowRankPass? = nil
    ) {
        for layer in layers {
            let i = layer - placement.layers.lowerBound
            activations.attention[i] = blocks[i].forward(
                activations.layers[i], into: activations.output(ofLayer: i), batch: batch, dropout: dropout,
                lowRank: lowRank, place: i)
        }
    }

    /// The residual stream that a layer of this stage reads, [M, D]; in inference all layers share it, so that it holds what
    /// the layer run last has left.
    public func stream(before layer: Int, of activations: Activations) -> Buffer<Float> {
        activations.layers[layer - placement.layers.lowerBound].input
    }

    private func block(ofLayer layer: Int) -> Block { blocks[layer - placement.layers.lowerBound] }

    /// The map of a layer of this stage to queries, keys and values: [D, (H + 2 G) d].
    public func attentionMap(layer: Int) -> Linear { block(ofLayer: layer).maps.input }

    /// What a layer's attention reads where its norm gives `x`, [M, D].
    package func attentionInput(layer: Int, _ x: Matrix) -> AttentionInput {
        AttentionInput(layer: layer, x: x, maps: block(ofLayer: layer).maps)
    }

    /// How a layer of this stage attends where no level is named.
    package func attention(layer: Int) -> any AttentionSublayer { block(ofLayer: layer).attention }

    /// How a layer of this stage attends to `x`, [M, D], in `lowRank`; nil where no level is named.
    package func attention(layer: Int, _ x: Matrix, _ batch: MicroBatch, _ lowRank: LowRankPass) -> (any AttentionSublayer)? {
        lowRank.attention(of: block(ofLayer: layer), layer - placement.layers.lowerBound, x, batch)
    }

    /// Folds the bases into the weights of all layers now, which layers' first uses would do, and again where the weights
    /// have changed since.
    public func fold(_ lowRank: LowRankPass) {
        for (i, block) in blocks.enumerated() where i < lowRank.layers.count {
            lowRank.fold(i, block.maps, on: team)
        }
    }

    /// Turns a layer's gradients of folded weights into those of the weights; once a step, when `backward` has finished
    /// with the layer for the last time.
    public func unfold(_ lowRank: LowRankPass, layer: Int) {
        precondition(learns || adapters != nil, "gradients of folded weights, where weights have none")
        lowRank.unfold(layer - placement.layers.lowerBound, block(ofLayer: layer).maps, on: team)
    }

    /// Last stage: the sum of the negative log-likelihood of the targets, in nats; `streamGradient` becomes the gradient
    /// of `scale` times it, and the final norm's and the head's gradients are added to.
    public func loss(_ batch: MicroBatch, _ activations: Activations, scale: Float) -> Double {
        let M = batch.rows, D = configuration.width
        let x = normalised(batch, activations)
        let dx = Matrix(normedGradient, rows: M, columns: D)
        let total = lastHead.forwardBackward(x, targets: batch.targets, scale: scale, dx: dx, on: team)
        streamGradient[0..<(M * D)].fill(0)
        lastNorm.backward(
            dy: normedGradient, x: activations.output, activations.finalNorm, dx: streamGradient, rows: M, on: team)
        return total
    }

    /// Last stage: each row's negative log-likelihood in nats, without gradients; nll: [M].
    public func negativeLogLikelihood(_ batch: MicroBatch, _ activations: Activations, into nll: Buffer<Double>) {
        let x = normalised(batch, activations)
        lastHead.forward(x, targets: batch.targets, into: nll, on: team)
    }

    /// Last stage: a target for each row that has one, drawn from the model's own softmax; rows whose target is negative keep
    /// it. With these targets the gradients of `loss` are those of the model's Fisher information.
    ///
    /// - Parameters:
    ///   - batch: whose forward pass left `activations`.
    ///   - draw: what is drawn.
    /// - Returns: [M].
    public func drawTargets(_ batch: MicroBatch, _ activations: Activations, _ draw: TargetDraw) -> Buffer<Int32> {
        let x = normalised(batch, activations), targets = Buffer(batch.targets.array)
        lastHead.draw(x, targets: targets, uniforms: draw.uniforms(batch), on: team)
        return targets
    }

    /// Last stage: the logits of every row, [M, V]; for small models and tests, since nothing else needs them.
    public func logits(_ batch: MicroBatch, _ activations: Activations) -> Buffer<Float> {
        let x = normalised(batch, activations)
        let logits = Buffer<Float>(uninitialized: batch.rows * configuration.vocabularySize)
        lastHead.map.product(
            x, into: Matrix(logits, rows: batch.rows, columns: configuration.vocabularySize), on: team)
        return logits
    }

    /// Last stage: Kullback and Leibler's divergence of the model's prediction at each row from that of another pass, in nats;
    /// logits exist for a tile of rows at a time.
    ///
    /// - Parameters:
    ///   - others: residual streams after the last layer, [M, D] each: of the predictions q.
    ///   - output: the stream of the other pass, [M, D]: of the prediction p.
    ///   - divergences: [M] each, Σ p ln (p / q).
    public func divergences(
        of others: [Buffer<Float>], from output: Buffer<Float>, into divergences: [Buffer<Double>]
    ) {
        let D = configuration.width, V = configuration.vocabularySize, M = output.count / D
        let statistics = Norm.Statistics(configuration.layer.norm, rows: M)
        lastNorm.forward(output, into: normed, statistics, rows: M, on: team)
        let scratch = Buffer<Float>(uninitialized: M * D)
        var logits: Buffer<Float>?
        lastHead.tiles(Matrix(normed, rows: M, columns: D), on: team) { first, tile in
            // The first tile is the largest.
            let own = logits ?? Buffer(uninitialized: tile.rows * V)
            logits = own
            let rows = first..<(first + tile.rows), other = Matrix(own, rows: tile.rows, columns: V)
            for (stream, divergences) in zip(others, divergences) {
                lastNorm.forward(
                    stream[(rows.lowerBound * D)..<(rows.upperBound * D)], into: scratch, statistics, rows: rows.count, on: team)
                lastHead.map.product(Matrix(scratch, rows: rows.count, columns: D), into: other, on: team)
                divergence(of: other, from: tile, into: divergences[rows], on: team)
            }
        }
    }

    /// Last stage: the likeliest next token at some rows, the first of equals.
    public func likeliest(atRows rows: [Int], _ batch: MicroBatch, _ activations: Activations) -> [Int32] {
        let asked = normalised(batch, activations, atRows: rows), V = configuration.vocabularySize
        let logits = Buffer<Float>(uninitialized: rows.count * V)
        lastHead.map.product(asked, into: Matrix(logits, rows: rows.count, columns: V), on: team)
        return rows.indices.map { i in
            Int32((0..<V).reduce(0) { logits[i * V + $1] > logits[i * V + $0] ? $1 : $0 })
        }
    }

    /// Last stage: the negative log-likelihood of the targets of some rows, in nats, and whether each is the likeliest token,
    /// the first of equals. The head runs on these rows alone; each has a target.
    public func predictions(
        atRows rows: [Int], _ batch: MicroBatch, _ activations: Activations
    ) -> [(nll: Double, isLikeliest: Bool)] {
        let asked = normalised(batch, activations, atRows: rows), targets = Buffer(rows.map { batch.targets[$0] })
        let nll = Buffer<Double>(uninitialized: rows.count), areLikeliest = Buffer<Bool>(uninitialized: rows.count)
        lastHead.forward(asked, targets: targets, into: nll, areLikeliest: areLikeliest, on: team)
        return rows.indices.map { (nll[$0], areLikeliest[$0]) }
    }

    /// Adds this micro-batch's gradients and turns `streamGradient` into the gradient of the stage's input.
    ///
    /// `finished` is told of each layer whose gradients are complete for this micro-batch, last layer first, and
    /// finally, on the first stage, of the embedding (nil). With `keepsTokenRows` the first stage does not add to the token
    /// embedding's gradient: `streamGradient` then holds what is to be added, a row a token. `observer` sees each layer that
    /// attends in full.
    public func backward<Failure: Error>(
        _ batch: MicroBatch, _ activations: Activations, dropout: Dropout? = nil, lowRank: LowRankPass? = nil,
        keepsTokenRows: Bool = false, observer: AttentionObserver? = nil,
        finished: (_ layer: Int?) throws(Failure) -> Void
    ) throws(Failure) {
        for (i, block) in blocks.enumerated().reversed() {
            block.backward(
                activations.layers[i], dx: streamGradient, batch: batch, dropout: dropout,
                attention: activations.attention[i] ?? block.attention, lowRank: lowRank, observer: observer)
            try finished(block.layer)
        }
        if placement.isFirst {
            dropout?.ofModel?.apply(
                to: streamGradient, width: configuration.width, batch: batch, layer: 0, site: .embedding, on: team)
            if learns, let table = positionTable(parameters.gradients) {
                positionEmbeddingBackward(batch, dx: streamGradient, positionTable: table, on: team)
            }
            if learns, !keepsTokenRows {
                tokenEmbeddingBackward(
                    batch.tokens[0..<batch.rows], dx: streamGradient, tokenTable: tokenTable(parameters.gradients), on: team)
            }
            try finished(nil)
        }
    }

    /// `backward` for a caller that need not know when a layer is finished.
    public func backward(
        _ batch: MicroBatch, _ activations: Activations, dropout: Dropout? = nil, lowRank: LowRankPass? = nil,
        observer: AttentionObserver? = nil
    ) {
        backward(batch, activations, dropout: dropout, lowRank: lowRank, observer: observer) { (_) throws(Never) in }
    }

    var lastHead: Head {
        guard let head else { preconditionFailure("the head is on the last stage") }
        return head
    }

    var lastNorm: Norm {
        guard let finalNorm else { preconditionFailure("the final norm is on the last stage") }
        return finalNorm
    }

    private func normalised(_ batch: MicroBatch, _ activations: Activations) -> Matrix {
        lastNorm.forward(
            activations.output, into: normed, activations.finalNorm, rows: batch.rows, on: team)
        return Matrix(normed, rows: batch.rows, columns: configuration.width)
    }

    /// What the head reads at some rows, in their order.
    private func normalised(_ batch: MicroBatch, _ activations: Activations, atRows rows: [Int]) -> Matrix {
        let x = normalised(batch, activations), D = configuration.width
        let asked = Matrix(Buffer(uninitialized: rows.count * D), rows: rows.count, columns: D)
        for (i, row) in rows.enumerated() { asked.rows(i..<(i + 1)).copy(from: x.rows(row..<(row + 1))) }
        return asked
    }

    func tokenTable(_ arena: Buffer<Float>) -> Matrix {
        parameters.layout.matrix(.tokenEmbedding, in: arena)
    }

    /// Nil where positions rotate.
    func positionTable(_ arena: Buffer<Float>) -> Matrix? {
        let layout = parameters.layout
        return layout.holds(.positionEmbedding) ? layout.matrix(.positionEmbedding, in: arena) : nil
    }
}
