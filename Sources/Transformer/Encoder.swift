import Kernels

// B sequences of S positions, M = B S rows; D width, H heads, F feed-forward width.

/// The shape of an `Encoder`.
public struct EncoderShape: Codable, Equatable, Sendable {
    /// D, H, number of layers, F.
    public var width, heads, layers, feedForward: Int

    public init(width: Int, heads: Int, layers: Int, feedForward: Int) {
        precondition(width % heads == 0, "\(heads) heads do not divide width \(width)")
        self.width = width
        self.heads = heads
        self.layers = layers
        self.feedForward = feedForward
    }

    /// An encoder's parameters, each name after `prefix`: those of GPT-2's layers and final norm.
    public func parameters(prefix: String) -> [ParameterSpec] {
        GPT2.layers(layers, width: width, feedForward: feedForward, prefix: prefix)
            + GPT2.finalNorm(width: width, prefix: prefix)
    }
}

/// A causal Transformer over vectors instead of tokens: the language model's blocks and its final norm.
///
/// `forward` and `backward` take whole sequences; `EncoderCache.advance` takes one position at a time and gives the same
/// up to rounding.
public final class Encoder: Sendable {
    public let shape: EncoderShape
    /// Rows of the largest batch.
    public let capacity: Int
    let blocks: [Block]
    let norm: (gain: Buffer<Float>, bias: Buffer<Float>)
    private let normGradient: (gain: Buffer<Float>, bias: Buffer<Float>)
    let team: Team
    private let saved: [Activations.Layer]
    private let output, normed, mean, rstd: Buffer<Float>

    /// Its parameters are those of `arena` with the roles of layers and of a final norm.
    public init(_ shape: EncoderShape, in arena: ParameterArena, rows: Int, team: Team) {
        let attention = Attention(heads: shape.heads, headWidth: shape.width / shape.heads, team: team)
        let scratch = BlockScratch(
            width: shape.width, heads: shape.heads, feedForward: shape.feedForward, rows: rows, forTraining: true)
        func floats(_ width: Int) -> Buffer<Float> { Buffer(uninitialized: rows * width) }
        func norm(_ values: Buffer<Float>) -> (gain: Buffer<Float>, bias: Buffer<Float>) {
            let layout = arena.layout
            return (layout.vector(.finalNormGain, in: values), layout.vector(.finalNormBias, in: values))
        }
        self.shape = shape
        self.team = team
        capacity = rows
        blocks = (0..<shape.layers).map { layer in
            Block(
                layer: layer, parameters: BlockParameters(arena.values, arena.layout, layer: layer),
                gradients: BlockParameters(arena.gradients, arena.layout, layer: layer),
                attention: attention, scratch: scratch, team: team)
        }
        self.norm = norm(arena.values)
        normGradient = norm(arena.gradients)
        saved = (0..<shape.layers).map { _ in
            Activations.Layer(width: shape.width, heads: shape.heads, feedForward: shape.feedForward, rows: rows)
        }
        (output, normed, mean, rstd) = (floats(shape.width), floats(shape.width), floats(1), floats(1))
    }

    /// The encoding of each position of each sequence, which sees those before it; x: [M, D]. The result, [M, D], is good
    /// until the next call.
    public func forward(_ x: Buffer<Float>, sequences: Int, length: Int) -> Buffer<Float> {
        let batch = MicroBatch.vectors(sequences: sequences, length: length), count = batch.rows * shape.width
        precondition(batch.rows <= capacity, "\(batch.rows) rows in an encoder of \(capacity)")
        saved[0].input[0..<count].copy(from: x[0..<count])
        for (i, block) in blocks.enumerated() {
            _ = block.forward(
                saved[i], into: i + 1 < saved.count ? saved[i + 1].input : output, batch: batch, dropout: nil,
                lowRank: nil, folded: nil)
        }
        layerNormForward(
            output, gamma: norm.gain, beta: norm.bias, into: normed, mean: mean, rstd: rstd, rows: batch.rows, on: team)
        return normed[0..<count]
    }

    /// ∂L/∂x given dy = ∂L/∂(the result of the last `forward`), both [M, D]; parameters' gradients are added to.
    public func backward(_ dy: Buffer<Float>, sequences: Int, length: Int) -> Buffer<Float> {
        let batch = MicroBatch.vectors(sequences: sequences, length: length)
        let dx = Buffer<Float>(count: batch.rows * shape.width, repeating: 0)
        layerNormBackward(
            dy: dy, x: output, gamma: norm.gain, mean: mean, rstd: rstd, dx: dx, dgamma: normGradient.gain,
            dbeta: normGradient.bias, rows: batch.rows, on: team)
        for (saved, block) in zip(saved, blocks).reversed() {
            block.backward(saved, dx: dx, batch: batch, dropout: nil, lowRank: nil)
        }
        return dx
    }
}

/// What an encoder has seen of some sequences: keys and values of the positions so far.
public final class EncoderCache {
    private let encoder: Encoder
    private let batch: MicroBatch
    private let layers: [Buffer<Float>]
    private let row: Block.Row
    private let stream, normed: Buffer<Float>
    /// Positions taken in so far.
    public private(set) var position = 0

    /// For `sequences` sequences of at most `length` positions.
    public init(_ encoder: Encoder, sequences: Int, length: Int) {
        let batch = MicroBatch.vectors(sequences: sequences, length: length), D = encoder.shape.width
        self.encoder = encoder
        self.batch = batch
        layers = encoder.blocks.map { _ in Buffer(uninitialized: batch.rows * 3 * D) }
        row = Block.Row(width: D, feedForward: encoder.shape.feedForward, batch: batch)
        stream = Buffer(uninitialized: sequences * D)
        normed = Buffer(uninitialized: sequences * D)
    }

    /// Takes in the next position of each sequence, x: [B, D], and gives its encoding, [B, D], good until the next call.
    public func advance(_ x: Buffer<Float>) -> Buffer<Float> {
        precondition(position < batch.length, "position \(position) of \(batch.length)")
        stream.copy(from: x[0..<stream.count])
        for (block, qkv) in zip(encoder.blocks, layers) {
            block.advance(stream, position: position, qkv: qkv, row, batch: batch)
        }
        position += 1
        layerNormForward(
            stream, gamma: encoder.norm.gain, beta: encoder.norm.bias, into: normed, mean: row.mean, rstd: row.rstd,
            rows: batch.sequences, on: encoder.team)
        return normed
    }
}

extension Block {
    /// What a block writes on its way through one position of B sequences.
    struct Row: Sendable {
        /// [B, D].
        let normed, attended, branch: Buffer<Float>
        /// [B, 3D].
        let qkv: Buffer<Float>
        /// [B, F].
        let hidden, activated: Buffer<Float>
        /// [B].
        let mean, rstd: Buffer<Float>
        /// [S + 2].
        let scores: Buffer<Float>

        init(width D: Int, feedForward F: Int, batch: MicroBatch) {
            let B = batch.sequences
            func floats(_ width: Int) -> Buffer<Float> { Buffer(uninitialized: B * width) }
            (normed, attended, branch, qkv) = (floats(D), floats(D), floats(D), floats(3 * D))
            (hidden, activated, mean, rstd) = (floats(F), floats(F), floats(1), floats(1))
            scores = Buffer(uninitialized: batch.length + 2)
        }
    }

    /// One position of each sequence: `stream`, [B, D], goes from the layer's input to its output; qkv, [B, S, 3D], holds
    /// attention's inputs at the positions so far.
    func advance(_ stream: Buffer<Float>, position: Int, qkv: Buffer<Float>, _ row: Row, batch: MicroBatch) {
        let p = parameters, B = batch.sequences, S = batch.length, D = p.norm1Gain.count, F = feedForwardWidth
        func rows(_ x: Buffer<Float>, _ columns: Int) -> Matrix { Matrix(x, rows: B, columns: columns) }

        layerNormForward(
            stream, gamma: p.norm1Gain, beta: p.norm1Bias, into: row.normed, mean: row.mean, rstd: row.rstd, rows: B, on: team)
        attentionMap.forward(rows(row.normed, D), into: row.qkv, on: team)
        for b in 0..<B {
            let first = (b * S + position) * 3 * D
            qkv[first..<(first + 3 * D)].copy(from: row.qkv[(b * 3 * D)..<((b + 1) * 3 * D)])
        }
        attention.forward(
            qkv: qkv, position: position, into: row.attended, scores: row.scores, batch: batch, on: team)
        attentionProjection.product(rows(row.attended, D), into: rows(row.branch, D), on: team)
        residualForward(
            row.branch, bias: p.attentionProjectionBias, residual: stream, into: stream, width: D, rows: B, on: team)

        layerNormForward(
            stream, gamma: p.norm2Gain, beta: p.norm2Bias, into: row.normed, mean: row.mean, rstd: row.rstd, rows: B, on: team)
        feedForward.product(rows(row.normed, D), into: rows(row.hidden, F), on: team)
        geluForward(row.hidden, bias: p.feedForwardBias, into: row.activated, rows: B, on: team)
        feedForwardProjection.product(rows(row.activated, F), into: rows(row.branch, D), on: team)
        residualForward(
            row.branch, bias: p.feedForwardProjectionBias, residual: stream, into: stream, width: D, rows: B, on: team)
    }
}
