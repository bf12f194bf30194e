import Kernels
import LowRank
import Model

/// A small model on one stage with its rank engine, run by hand.
struct EngineRun {
    /// V = 31, L = 32, d = 8.
    static let vocabulary = 31, context = 32, heads = 2, headWidth = 8

    let configuration: ModelConfiguration
    let team: Team
    let stage: TransformerStage
    let engine: RankEngine
    private let activations: Activations

    /// Layer `layer` of a model of `of` layers, all of them unless told. Weights depend on their names alone.
    init(
        _ options: RankOptions, layer: Int? = nil, of count: Int = 2, rows: Int = 256, seed: UInt64 = 5,
        upkeeping: RankEngine.UpkeepOptions = EngineRun.everyRow, heads: Int = heads, headWidth: Int = headWidth
    ) throws {
        configuration = try ModelConfiguration(
            vocabularySize: Self.vocabulary, context: Self.context, width: heads * headWidth, heads: heads, layers: count)
        team = Team(threads: 1)
        let placement = try StagePlacement.split(configuration, stages: layer == nil ? 1 : count)[layer ?? 0]
        stage = TransformerStage(configuration, placement: placement, rows: rows, team: team)
        stage.parameters.initialize(seed: 1)
        // GPT-2's initial weights leave attention and logits flat.
        for i in 0..<stage.parameters.values.count where abs(stage.parameters.values[i]) < 0.5 {
            stage.parameters.values[i] *= 20
        }
        engine = try RankEngine(
            configuration, layers: placement.layers, options: options, seed: seed, team: team, upkeeping: upkeeping,
            sequences: rows / Self.context, now: { 0 })
        activations = stage.makeActivations()
        if !placement.isFirst { stage.input(of: activations).fill(0.5) }
    }

    static var everyRow: RankEngine.UpkeepOptions {
        var upkeeping = RankEngine.UpkeepOptions()
        upkeeping.sampleEvery = 1
        return upkeeping
    }

    static func level(_ score: Int, _ value: Int) -> Level { Level(scoreRank: score, valueRank: value) }

    /// Sequences of random tokens; `samples` are their numbers, one for each.
    static func batch(_ samples: [UInt64], length: Int = context, tokens seed: UInt64 = 1) -> MicroBatch {
        let count = samples.count * length
        func tokens(_ stream: UInt32) -> Buffer<Int32> {
            let generator = Philox(key: seed).derived(stream)
            return Buffer((0..<count).map { i in
                Int32(generator.uniform(UInt32(i % length), UInt32(truncatingIfNeeded: samples[i / length])) * Double(vocabulary))
            })
        }
        return MicroBatch(
            sequences: samples.count, length: length, tokens: tokens(0), targets: tokens(1), samples: samples)
    }

    /// A forward pass of a training step; folds first where attention is reduced.
    func forward(_ batch: MicroBatch, step: Int, dropout: Dropout? = nil) {
        forward(batch, engine.trainingPass(step: step, of: stage), dropout: dropout)
    }

    func forward(_ batch: MicroBatch, _ pass: LowRankPass, dropout: Dropout? = nil) {
        if engine.isReducing { stage.fold(pass) }
        stage.forward(batch, activations, dropout: dropout, lowRank: pass)
    }

    /// The levels of each layer in the last pass.
    var levels: [SegmentLevels?] { activations.levels }

    func logits(_ batch: MicroBatch) -> [Float] { stage.logits(batch, activations).array }

    /// Forward passes of a training step, and its end; `sum` sees what was gathered.
    func step(_ number: Int, _ batches: [MicroBatch], sum: @escaping (Buffer<Double>) throws -> Void = { _ in }) throws {
        let pass = engine.trainingPass(step: number, of: stage)
        if engine.isReducing { stage.fold(pass) }
        for batch in batches { stage.forward(batch, activations, lowRank: pass) }
        try engine.endStep(number, with: Others(gathered: sum))
    }

    /// Others whose part in what replicas add up is a closure's work.
    private struct Others: Peers {
        let gathered: (Buffer<Double>) throws -> Void

        var replica: Int { 0 }
        var replicas: Int { 1 }
        func sumOverReplicas(_ values: Buffer<Double>) throws { try gathered(values) }
        func sum(_ values: Buffer<Double>) {}
        func sum(_ values: Buffer<Float>) {}
    }

    /// Entry `name` of a layer.
    func entry(_ name: String, layer: Int = 0) -> [Double] { engine.pieces(name, layer: layer).flatMap(\.array) }

    /// Bases that change nothing, with these energies for each head: [H][d].
    func plant(score: [[Double]], value: [[Double]], layer: Int = 0) {
        let d = configuration.headWidth
        let identity = (0..<configuration.heads).flatMap { _ in (0..<(d * d)).map { $0 / d == $0 % d ? 1.0 : 0 } }
        for name in ["query_basis", "key_basis", "value_basis", "output_basis"] {
            Buffer(identity).copy(to: engine.pieces(name, layer: layer))
        }
        Buffer(score.flatMap { $0 }).copy(to: engine.pieces("score_energy", layer: layer))
        Buffer(value.flatMap { $0 }).copy(to: engine.pieces("value_energy", layer: layer))
    }

    /// Bases that change nothing, in every layer of the stage, all energies alike.
    func plantFlat() {
        let flat = Array(repeating: Array(repeating: 1.0, count: configuration.headWidth), count: configuration.heads)
        for layer in stage.placement.layers { plant(score: flat, value: flat, layer: layer) }
        engine.adopt()
    }

    /// Score and value ranks of the last pass, summed over `count` segments.
    func rankSums(_ count: Int) -> (score: Int, value: Int) {
        let mean = engine.meanRanks
        return (Int((mean.score * Double(count)).rounded()), Int((mean.value * Double(count)).rounded()))
    }
}

extension Persistent {
    /// The memory of entry `name` of a layer held here.
    func pieces(_ name: String, layer: Int) -> [Buffer<Double>] {
        entries.first { $0.path == "/lowrank/layer_\(layer)/\(name)" }?.pieces ?? []
    }
}

extension PersistentEntry {
    /// Its memory, none where it is not held.
    var pieces: [Buffer<Double>] {
        if case .float64(let pieces?) = elements { pieces } else { [] }
    }

    /// Its elements, none where it is not held.
    var doubles: [Double] { pieces.flatMap(\.array) }
}
