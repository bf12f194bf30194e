import CKernels
import Kernels

// B sequences of S positions, M = B S rows; D width, H heads, F feed-forward width.

/// The shape of an `Encoder`.
public struct EncoderShape: Codable, Equatable, Sendable {
    /// D, H, number of layers, F.
    public var width, heads, layers, feedForward: Int

    /// The shape of an encoder: width D, so many heads and layers, and F hidden units a feed-forward.
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

    var layer: LayerShape { GPT2.layer(width: width, heads: heads, feedForward: feedForward) }
}

/// A causal Transformer over vectors instead of tokens: the language model's blocks and its final norm.
///
/// `forward` and `backward` take whole sequences; `EncoderCache.advance` takes one position at a time and gives the same
/// up to rounding.
public final class Encoder: Sendable {
    /// Its shape.
    public let shape: EncoderShape
    /// Rows of the largest batch.
    public let capacity: Int
    let blocks: [Block]
    let norm: Norm
    let team: Team
    private let saved: [Activations.Layer]
    private let output, normed: Buffer<Float>
    private let statistics: Norm.Statistics

    /// Its parameters are those of `arena` with the roles of layers and of a final norm.
    public init(_ shape: EncoderShape, in arena: ParameterArena, rows: Int, team: Team) {
        let layer = shape.layer
        let builder = BlockBuilder(layer, in: arena, context: 0, rows: rows, team: team, forTraining: true, learns: true)
        self.shape = shape
        self.team = team
        capacity = rows
        blocks = (0..<shape.layers).map(builder.block)
        norm = builder.finalNorm
        saved = (0..<shape.layers).map { _ in Activations.Layer(layer, rows: rows) }
        output = Buffer(uninitialized: rows * shape.width)
        normed = Buffer(uninitialized: rows * shape.width)
        statistics = Norm.Statistics(layer.norm, rows: rows)
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
                lowRank: nil, place: i)
        }
        norm.forward(output, into: normed, statistics, rows: batch.rows, on: team)
        return normed[0..<count]
    }

    /// ∂L/∂x given dy = ∂L/∂(the result of the last `forward`), both [M, D]; parameters' gradients are added to.
    public func backward(_ dy: Buffer<Float>, sequences: Int, length: Int) -> Buffer<Float> {
        let batch = MicroBatch.vectors(sequences: sequences, length: length)
        let dx = Buffer<Float>(count: batch.rows * shape.width, repeating: 0)
        norm.backward(dy: dy, x: output, statistics, dx: dx, rows: batch.rows, on: team)
        for (saved, block) in zip(saved, blocks).reversed() {
            block.backward(saved, dx: dx, batch: batch, dropout: nil, attention: block.attention)
        }
        return dx
    }
}

/// What an encoder has seen of some sequences.
public final class EncoderCache {
    private let encoder: Encoder
    private let batch: MicroBatch
    private let layers: [AttentionCache]
    private let row: Block.Row
    private let stream, normed: Buffer<Float>
    /// Positions taken in so far.
    public private(set) var position = 0

    /// For `sequences` sequences of at most `length` positions.
    public init(_ encoder: Encoder, sequences: Int, length: Int) {
        let batch = MicroBatch.vectors(sequences: sequences, length: length), D = encoder.shape.width
        self.encoder = encoder
        self.batch = batch
        layers = encoder.blocks.map { $0.attention.makeCache(sequences: sequences, length: length) }
        row = Block.Row(encoder.shape.layer, batch: batch, team: encoder.team)
        stream = Buffer(uninitialized: sequences * D)
        normed = Buffer(uninitialized: sequences * D)
    }

    /// Takes in the next position of each sequence, x: [B, D], and gives its encoding, [B, D], good until the next call.
    public func advance(_ x: Buffer<Float>) -> Buffer<Float> {
        precondition(position < batch.length, "position \(position) of \(batch.length)")
        stream.copy(from: x[0..<stream.count])
        let places = (0..<batch.sequences).map { CachePlace(sequence: $0, position: position) }
        for (block, cache) in zip(encoder.blocks, layers) {
            block.advance(stream, at: places, cache, row, batch: batch, on: encoder.team) { _ in block.attention }
        }
        position += 1
        encoder.norm.forward(stream, into: normed, row.statistics, rows: batch.sequences, on: encoder.team)
        return normed
    }
}

/// The mean of the rows of `x`, [columns], which is the backward pass of a broadcast up to a factor.
public func meanRows(_ x: Matrix, into mean: Buffer<Float>) {
    precondition(mean.count == x.columns && x.rows >= 1, "the mean of \(x.rows) rows of \(x.columns)")
    mean.fill(0)
    drrl_column_sum(mean.pointer, x.pointer, x.rows, x.columns, x.stride)
    let scale = 1 / Float(x.rows)
    for i in 0..<mean.count { mean.pointer[i] *= scale }
}
