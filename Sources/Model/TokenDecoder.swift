import Kernels
import Options

// B sequences of at most L positions each, D width, V vocabulary.

/// A whole model on one stage, which takes in a prompt at once and then goes on row by row: logits are those of
/// `TransformerStage.logits` up to rounding, and those of a sequence are the same whatever sequences go beside it.
///
///     let decoder = try TokenDecoder(stage, sequences: 2, length: 100)
///     let logits = decoder.prefill([3, 1, 4], sequence: 0)  // of the token after them, [1, V]
///     decoder.advance([(0, 15)])                            // of the one after that
///
/// With a pass that names levels, its choice is asked for each sequence alone, as a prompt is taken in and as each segment
/// or part of one that shares a level begins. It is given what attention has read so far, the first row's own input too, and
/// zeros for the rows to come, whose levels it must not use; so one that looks at a segment's later rows, as the oracle, cannot
/// be followed. That history takes D floats a position and layer beside the cache. Value bases that are refined along a
/// sequence (`LowRankPass.Refinement`) are not for decoding: each refinement would project the values of all rows before again.
public final class TokenDecoder {
    /// A sequence's next token.
    public typealias Next = (sequence: Int, token: Int32)

    private let stage: TransformerStage
    private let team: Team
    private let lowRank: LowRankPass?
    /// L.
    private let length: Int
    /// Each sequence as a pass sees it that names levels: its tokens so far, zeros after them.
    private let sequences: [MicroBatch]
    private var layers: [Layer] = []
    private let row: Block.Row
    /// The shape of all sequences, for what is not said of each.
    private let batch: MicroBatch
    /// [B, D].
    private let stream, normed: Buffer<Float>
    /// [B, V].
    private let logits: Buffer<Float>
    /// What a choice of levels is given of a sequence: [levels' length, D]; empty where none are named.
    private let history: Buffer<Float>
    /// Positions that each sequence has taken in so far.
    public private(set) var positions: [Int]

    /// How a layer attends, and what it keeps.
    private struct Layer {
        let block: Block
        /// Of each sequence; nil where none are named.
        var levels: [SegmentLevels?]
        var attention: any AttentionSublayer
        /// How its cache keeps far keys; nil where as all others.
        let far: CacheLayout.FarKeys?
        let cache: AttentionCache
        /// [B, L, D] what attention has read; empty where no levels are named.
        let read: Buffer<Float>
    }

    /// For `sequences` sequences of at most `length` positions. Parameters and bases are not to change until it is done.
    ///
    /// - Parameters:
    ///   - stage: The whole model, with room for a row of each sequence, and for a prompt.
    ///   - lowRank: Names levels, or nil.
    ///   - levelLength: Tokens of the sequences for which levels are named, which a budget is kept over; `length` unless told.
    ///   - samples: [B] numbers of the sequences, which levels drawn at random follow; 0, 1, … unless told.
    /// - Throws: `ConfigurationError` for a part of a model, more positions than its context, more sequences than the stage
    ///   has rows, and for bases refined along a sequence.
    public init(
        _ stage: TransformerStage, sequences: Int, length: Int, lowRank: LowRankPass? = nil, levelLength: Int? = nil,
        samples: [UInt64]? = nil
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
        let levelLength = levelLength ?? length
        precondition(levelLength >= length, "levels for \(levelLength) positions of \(length)")
        self.stage = stage
        self.lowRank = lowRank
        self.length = length
        team = stage.team.byRow
        let samples = samples ?? (0..<UInt64(sequences)).map { $0 }
        let namesLevels = lowRank.map { !$0.layers.isEmpty } ?? false
        self.sequences = samples.map { sample in
            let tokens = Buffer<Int32>(count: namesLevels ? levelLength : 1, repeating: 0)
            return MicroBatch(
                sequences: 1, length: tokens.count, tokens: tokens, targets: tokens, samples: [sample])
        }
        batch = MicroBatch.vectors(sequences: sequences, length: length)
        row = Block.Row(configuration.layer, batch: batch, team: stage.team)
        stream = Buffer(uninitialized: sequences * D)
        normed = Buffer(uninitialized: sequences * D)
        logits = Buffer(uninitialized: sequences * V)
        history = Buffer(count: namesLevels ? levelLength * D : 0, repeating: 0)
        positions = Array(repeating: 0, count: sequences)
        for (place, block) in stage.blocks.enumerated() {
            let levels = (0..<sequences).map { named(block, sequence: $0, asked: 0..<levelLength) }
            let far = farKeys(place, levels), attention = sublayer(block, place, levels, far)
            layers.append(Layer(
                block: block, levels: levels, attention: attention, far: far,
                cache: attention.makeCache(sequences: sequences, length: length),
                read: Buffer(uninitialized: namesLevels ? sequences * length * D : 0)))
        }
    }

    /// What all layers' caches take.
    public var cacheBytes: Int { layers.reduce(0) { $0 + $1.cache.bytes } }

    /// What they would take with all columns of keys and values of every position.
    public var fullCacheBytes: Int {
        let shape = stage.configuration.layer.attention
        return layers.count * sequences.count * length * 2 * shape.keyValueHeads * shape.headWidth * MemoryLayout<Float>.stride
    }

    /// Takes in the first tokens of a sequence in one pass of the whole model, by tiles, and gives the logits of the token
    /// after them, [1, V], good until the next call. Tokens are of the vocabulary, and no more than it or the stage has room
    /// for.
    public func prefill(_ tokens: [Int32], sequence: Int) -> Matrix {
        let n = tokens.count, D = stage.configuration.width
        precondition(
            positions[sequence] == 0 && n >= 1 && n <= min(length, stage.capacity), "a prompt of \(n) tokens in \(length)")
        let now = Buffer(tokens)
        let prompt = MicroBatch(
            sequences: 1, length: n, tokens: now, targets: now, samples: sequences[sequence].samples)
        let activations = Activations(stage.configuration, layerCount: layers.count, rows: n, forTraining: false)
        stage.embed(prompt, activations)
        for (place, layer) in layers.enumerated() {
            let saved = activations.layers[place]
            let attention = layer.block.forward(
                saved, into: activations.output(ofLayer: place), batch: prompt, dropout: nil
            ) { x in
                keepRead(place, sequence, x, from: 0)
                guard history.count > 0, let levels = named(place, sequence: sequence, upTo: n, asked: 0..<n) else {
                    return layer.block.attention
                }
                layers[place].levels[sequence] = levels
                return sublayer(layer.block, place, [levels.first(n)], layer.far)
            }
            layers[place].attention = sublayer(layer.block, place, layers[place].levels, layer.far)
            layer.block.fill(layer.cache, sequence: sequence, from: saved, row, attention, prompt)
        }
        keepTokens(tokens, sequence)
        let last = activations.output[((n - 1) * D)..<(n * D)]
        stream[0..<D].copy(from: last)
        return predicted(rows: 1)
    }

    /// Takes in the next token of some sequences, each once, and gives the logits of the tokens after those, a row each,
    /// [rows, V], good until the next call. Tokens are of the vocabulary, and there is room for them.
    @discardableResult
    public func advance(_ next: [Next]) -> Matrix {
        let D = stage.configuration.width
        let places = next.map { CachePlace(sequence: $0.sequence, position: positions[$0.sequence]) }
        for (i, (place, next)) in zip(places, next).enumerated() {
            precondition(place.position < length, "a token at position \(place.position) of \(length)")
            embed(next.token, at: place.position, into: stream[(i * D)..<((i + 1) * D)])
        }
        for place in layers.indices {
            let layer = layers[place]
            layer.block.advance(stream, at: places, layer.cache, row, batch: batch, on: team) { x in
                for (i, at) in places.enumerated() {
                    keepRead(place, at.sequence, x.rows(i..<(i + 1)), from: at.position)
                }
                nameLevels(place, places)
                return layers[place].attention
            }
        }
        for next in next { keepTokens([next.token], next.sequence) }
        return predicted(rows: next.count)
    }

    /// `advance` of every sequence; next: [B].
    public func advance(_ next: [Int32]) -> Matrix { advance(next.enumerated().map { ($0.offset, $0.element) }) }

    private func embed(_ token: Int32, at position: Int, into x: Buffer<Float>) {
        let values = stage.parameters.values, now = Buffer([token])
        embeddingForward(
            MicroBatch(sequences: 1, length: 1, tokens: now, targets: now, samples: [0]), tokenTable: stage.tokenTable(values),
            positionTable: stage.positionTable(values)?.rows(position..<(position + 1)), into: x, on: team)
    }

    /// The logits of rows of `stream`.
    private func predicted(rows: Int) -> Matrix {
        let configuration = stage.configuration
        let logits = Matrix(logits, rows: rows, columns: configuration.vocabularySize)
        stage.lastNorm.forward(stream, into: normed, row.statistics, rows: rows, on: team)
        stage.lastHead.map.product(Matrix(normed, rows: rows, columns: configuration.width), into: logits, on: team)
        return logits
    }

    private func keepTokens(_ tokens: [Int32], _ sequence: Int) {
        for (i, token) in tokens.enumerated() where history.count > 0 {
            sequences[sequence].tokens[positions[sequence] + i] = token
        }
        positions[sequence] += tokens.count
    }

    /// Notes what a layer's attention reads of a sequence from a position on, x: [rows, D].
    private func keepRead(_ place: Int, _ sequence: Int, _ x: Matrix, from position: Int) {
        let read = layers[place].read, D = x.columns
        guard read.count > 0 else { return }
        let first = (sequence * length + position) * D
        Matrix(read[first..<(first + x.rows * D)], rows: x.rows, columns: D).copy(from: x)
    }

    /// Takes up the levels of segments that begin at `places`, and of tokens there where each has its own.
    private func nameLevels(_ place: Int, _ places: [CachePlace]) {
        guard history.count > 0 else { return }
        var isNamed = false
        for at in places {
            guard let levels = layers[place].levels[at.sequence], at.position % levels.grain == 0 else { continue }
            // A token's own level looks at no other row.
            layers[place].levels[at.sequence] = named(
                place, sequence: at.sequence, from: levels.grain == 1 ? at.position : 0, upTo: at.position + 1,
                asked: at.position..<min(at.position + levels.grain, length))
            isNamed = true
        }
        guard isNamed else { return }
        layers[place].attention = sublayer(layers[place].block, place, layers[place].levels, layers[place].far)
    }

    /// The levels that the pass names for a sequence, where `asked` are those that matter, given what attention has read of
    /// rows `first` ..< `end`, and zeros for all others.
    private func named(
        _ place: Int, sequence: Int, from first: Int = 0, upTo end: Int, asked: Range<Int>
    ) -> SegmentLevels? {
        let D = stage.configuration.width, own = (sequence * length) * D
        let rows = (first * D)..<(end * D)
        history[rows].copy(from: layers[place].read[(own + first * D)..<(own + end * D)])
        defer { history[rows].fill(0) }
        return named(layers[place].block, sequence: sequence, asked: asked)
    }

    /// The levels that the pass names for a sequence given `history`.
    private func named(_ block: Block, sequence: Int, asked: Range<Int>) -> SegmentLevels? {
        guard let lowRank, history.count > 0 else { return nil }
        let batch = sequences[sequence]
        let x = Matrix(history, rows: batch.rows, columns: stage.configuration.width)
        return lowRank.levels(AttentionInput(layer: block.layer, x: x, maps: block.maps, asked: asked), batch)?.levels
    }

    /// How a layer attends at the levels of some sequences; as the stage does where they have none.
    private func sublayer(
        _ block: Block, _ place: Int, _ levels: [SegmentLevels?], _ far: CacheLayout.FarKeys?
    ) -> any AttentionSublayer {
        let named = levels.compactMap(\.self)
        guard let lowRank, named.count == levels.count else { return block.attention }
        return lowRank.layer(of: block, place, ChosenLevels(SegmentLevels(of: named)), far: far)
    }

    /// How few columns of far keys are enough for all levels that a layer may be given, of which `levels` are the first named.
    private func farKeys(_ place: Int, _ levels: [SegmentLevels?]) -> CacheLayout.FarKeys? {
        guard let bounds = lowRank?.bounds, let first = levels[0], let exact = first.exact else { return nil }
        func farKeys(_ level: AttentionLevel) -> CacheLayout.FarKeys {
            CacheLayout.FarKeys(level: level, exact: exact, segment: first.segment)
        }
        guard !bounds.followText else { return farKeys(bounds.largest[place]) }
        let used = levels.enumerated().flatMap { sequence, levels in
            stride(from: 0, to: length, by: first.grain).compactMap { row in
                levels.flatMap { $0.far(of: row..<(row + 1)).isEmpty ? nil : $0[sequence: 0, row: row] }
            }
        }
        return farKeys(AttentionLevel(
            scoreRank: used.map(\.scoreRank).max() ?? 1, valueRank: used.map(\.valueRank).max() ?? 1))
    }
}
