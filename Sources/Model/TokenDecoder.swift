import Kernels
import Options

// B sequences of at most L positions, D width, V vocabulary.

/// A whole model on one stage, position by position: logits are those of `TransformerStage.logits` up to rounding.
///
/// With a pass that names levels, its choice is asked anew as each segment begins. It is given what attention has read of
/// earlier segments, and zeros for the rows to come, whose levels it must not use; so one that looks at a segment's own rows,
/// as the oracle, cannot be followed. That history takes D floats a position and layer beside the cache. Value bases that
/// are refined along a sequence (`LowRankPass.Refinement`) are not for decoding: each refinement would project the values of
/// all rows before again.
public final class TokenDecoder {
    private let stage: TransformerStage
    private let lowRank: LowRankPass?
    /// The sequences' tokens so far, zeros after them.
    private let batch: MicroBatch
    private var layers: [Layer] = []
    private let row: Block.Row
    /// [B].
    private let tokens: Buffer<Int32>
    /// [B, D].
    private let stream, normed: Buffer<Float>
    /// [B, V].
    private let logits: Matrix
    /// Positions taken in so far.
    public private(set) var position = 0

    /// How a layer attends, and what it keeps.
    private struct Layer {
        let block: Block
        var attention: any AttentionSublayer
        let cache: AttentionCache
        /// [B L, D] what attention has read; empty where no levels are named.
        let read: Buffer<Float>
    }

    /// For `sequences` sequences of at most `length` positions. Parameters and bases are not to change until it is done.
    ///
    /// - Parameters:
    ///   - stage: The whole model, with room for a row of each sequence.
    ///   - lowRank: Names levels, or nil.
    ///   - samples: [B] numbers of the sequences, which levels drawn at random follow; 0, 1, … unless told.
    /// - Throws: `ConfigurationError` for a part of a model, more positions than its context, more sequences than the stage
    ///   has rows, for levels of less than a segment, and for bases refined along a sequence.
    public init(
        _ stage: TransformerStage, sequences: Int, length: Int, lowRank: LowRankPass? = nil, samples: [UInt64]? = nil
    ) throws(ConfigurationError) {
        let configuration = stage.configuration, D = configuration.width, V = configuration.vocabularySize
        guard stage.placement.isFirst, stage.placement.isLast else {
            throw ConfigurationError("decoding needs the whole model on one stage")
        }
        guard sequences >= 1, sequences <= stage.capacity else {
            throw ConfigurationError("\(sequences) sequences to decode; the stage has room for 1 to \(stage.capacity)")
        }
        guard length >= 1, length <= configuration.context else {
            throw ConfigurationError("\(length) positions to decode; the model has 1 to \(configuration.context)")
        }
        guard lowRank?.refine == nil else {
            throw ConfigurationError(
                "online bases change along a sequence, and with them all values kept of it; decode with resident ones")
        }
        self.stage = stage
        self.lowRank = lowRank
        let none = Buffer<Int32>(count: sequences * length, repeating: 0)
        batch = MicroBatch(
            sequences: sequences, length: length, tokens: none, targets: none,
            samples: samples ?? (0..<UInt64(sequences)).map { $0 })
        row = Block.Row(configuration.layer, batch: batch, team: stage.team)
        tokens = Buffer(count: sequences, repeating: 0)
        stream = Buffer(uninitialized: sequences * D)
        normed = Buffer(uninitialized: sequences * D)
        logits = Matrix(Buffer(uninitialized: sequences * V), rows: sequences, columns: V)
        let namesLevels = lowRank.map { !$0.layers.isEmpty } ?? false
        for (place, block) in stage.blocks.enumerated() {
            let read = Buffer<Float>(count: namesLevels ? batch.rows * D : 0, repeating: 0)
            let attention = levelled(block, place, read) ?? block.attention
            if let levels = attention.levels, levels.grain < levels.segment {
                throw ConfigurationError(
                    "levels by \(levels.grain) tokens are chosen from those tokens, which are not there yet; decode with levels "
                        + "by segment")
            }
            layers.append(Layer(
                block: block, attention: attention, cache: attention.makeCache(sequences: sequences, length: length),
                read: read))
        }
    }

    /// What all layers' caches take.
    public var cacheBytes: Int { layers.reduce(0) { $0 + $1.cache.bytes } }

    /// Takes in the next token of each sequence and gives the logits of the tokens after it, [B, V], good until the next
    /// call. Tokens are of the vocabulary, and there are fewer positions so far than it was made for.
    public func advance(_ next: [Int32]) -> Matrix {
        let B = batch.sequences, L = batch.length, D = stage.configuration.width, team = stage.team
        precondition(next.count == B && position < L, "\(next.count) tokens at position \(position) of \(L)")
        for (b, token) in next.enumerated() {
            tokens[b] = token
            batch.tokens[b * L + position] = token
        }
        let now = MicroBatch(sequences: B, length: 1, tokens: tokens, targets: tokens, samples: batch.samples)
        embeddingForward(
            now, tokenTable: stage.tokenTable(stage.parameters.values),
            positionTable: stage.positionTable(stage.parameters.values)?.rows(position..<(position + 1)), into: stream,
            on: team)
        for place in layers.indices {
            beginSegment(place)
            let layer = layers[place], read = layer.read
            layer.block.advance(
                stream, position: position, layer.cache, row, batch: batch, attention: layer.attention
            ) { x in
                if read.count > 0 { Matrix(read[(position * D)..<read.count], rows: B, columns: D, stride: L * D).copy(from: x) }
            }
        }
        position += 1
        stage.lastNorm.forward(stream, into: normed, row.statistics, rows: B, on: team)
        stage.lastHead.map.product(Matrix(normed, rows: B, columns: D), into: logits, on: team)
        return logits
    }

    /// At a segment's first position other than 0, whose levels were named at the start: takes up the levels of the segment.
    private func beginSegment(_ place: Int) {
        let layer = layers[place]
        guard position > 0, let levels = layer.attention.levels, position % levels.segment == 0 else { return }
        layers[place].attention = levelled(layer.block, place, layer.read) ?? layer.attention
    }

    /// How a layer attends at the levels that the pass names after `read`; nil where none are named.
    private func levelled(_ block: Block, _ place: Int, _ read: Buffer<Float>) -> (any AttentionSublayer)? {
        guard let lowRank, read.count > 0 else { return nil }
        let x = Matrix(read, rows: batch.rows, columns: stage.configuration.width)
        return lowRank.attention(
            of: block, place, AttentionInput(layer: block.layer, x: x, maps: block.maps), batch)
    }
}
