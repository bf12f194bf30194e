import Checkpoint
import Communicator
import Corpus
import DynamicRank
import Foundation
import Kernels
import Transformer
import Worker

/// A checkpoint opened for use on all ranks. Rank 0 alone reads the file.
struct SavedModel: ~Copyable {
    let path: String
    let run: SavedRun
    let step: Int
    let tokenizerHash: String
    /// On rank 0.
    let tokenizer: ByteLevelBPE?
    private let reader: CheckpointReader?
    private let hasBases: Bool

    /// Collective: reads configuration and tokenizer.
    ///
    /// - Throws: `AgreedError` for a file that cannot serve, and `MPIError`.
    init(path: String, world: borrowing Communicator) throws {
        let isRoot = world.rank == 0
        var reader: CheckpointReader?
        var tokenizer: ByteLevelBPE?
        var texts = ["", ""]
        var facts: [Int64] = [0, 0]
        try agreed(on: world) {
            guard isRoot else { return }
            let opened = try CheckpointReader(path: path)
            let model = try opened.json(CheckpointLayout.config, as: SavedRun.self).model
            let bpe = try opened.tokenizer(for: model)
            texts = [try opened.text(CheckpointLayout.config), bpe.hash]
            let hasBases = opened.description(of: CheckpointLayout.lowRank("layer_0/query_basis")) != nil
            facts = [Int64(opened.step), hasBases ? 1 : 0]
            tokenizer = bpe
            reader = consume opened
        }
        let configuration = try world.broadcast(texts[0], root: 0)
        let run = try agreed(on: world) { try JSONDecoder().decode(SavedRun.self, from: Data(configuration.utf8)) }
        let hash = try world.broadcast(texts[1], root: 0)
        facts = try world.broadcast(facts, root: 0)
        self.path = path
        self.run = run
        tokenizerHash = hash
        step = Int(facts[0])
        hasBases = facts[1] == 1
        self.tokenizer = tokenizer
        self.reader = reader
    }

    /// Collective: fills the stage's weights, which is the whole model.
    ///
    /// - Throws: `AgreedError` and `MPIError`.
    func readWeights(into stage: TransformerStage, world: borrowing Communicator) throws {
        for parameter in stage.parameters.layout.parameters {
            let elements = stage.parameters.values[parameter.range]
            try agreed(on: world) {
                try reader?.read(CheckpointLayout.parameter(parameter.name), shape: parameter.shape, into: elements)
            }
            try world.broadcast(elements, root: 0)
        }
    }

    /// Collective: the bases, for what `name` asks.
    ///
    /// - Throws: `AgreedError`, also where the checkpoint has none, and `MPIError`.
    func readBases(for name: String, world: borrowing Communicator) throws -> SavedBases {
        let missing = ConfigurationError(
            "\(name) needs bases, and this checkpoint has none under /lowrank; "
                + "use full attention, or a checkpoint of a run that kept them")
        try agreed(on: world) { if !hasBases { throw missing } }
        var entries: [[Buffer<Double>]] = []
        for layer in 0..<run.model.layers {
            var own: [Buffer<Double>] = []
            for (name, shape, isOptional) in RankEngine.entries(run.model) {
                let elements = Buffer<Double>(count: shape.reduce(1, *), repeating: 0)
                try agreed(on: world) {
                    let path = CheckpointLayout.lowRank("layer_\(layer)/\(name)")
                    if isOptional, reader?.description(of: path) == nil { return }
                    try reader?.read(path, shape: shape, into: elements)
                }
                try world.broadcast(elements, root: 0)
                own.append(elements)
            }
            entries.append(own)
        }
        let bases = SavedBases(entries: entries, losses: try readLosses(world: world))
        try agreed(on: world) { if !bases.areMade(run.model) { throw missing } }
        return bases
    }

    /// On rank 0 the text that the run read; nil on other ranks.
    ///
    /// - Throws: `CheckpointError`.
    func source() throws -> SavedCorpus? { try reader?.json(CheckpointLayout.dataSource, as: SavedCorpus.self) }

    /// Collective: what `drrl calibrate` found that levels lose; nil where it has not run.
    private func readLosses(world: borrowing Communicator) throws -> LevelLosses? {
        let layers = run.model.layers, pairs = CheckpointLayout.lowRank(LevelLosses.levelsName)
        var count = Int64(0)
        try agreed(on: world) {
            guard let shape = reader?.description(of: pairs)?.shape else { return }
            guard shape.count == 2, shape[1] == 2, (1...4096).contains(shape[0]) else {
                throw ConfigurationError("\(path): \(pairs) has shape \(shape) where pairs are expected")
            }
            count = Int64(shape[0])
        }
        count = try world.broadcast([count], root: 0)[0]
        guard count > 0 else { return nil }
        let levels = Buffer<Int64>(uninitialized: 2 * Int(count)), nats = Buffer<Double>(uninitialized: layers * Int(count))
        try agreed(on: world) {
            try reader?.read(pairs, shape: [Int(count), 2], into: levels)
            try reader?.read(CheckpointLayout.lowRank(LevelLosses.natsName), shape: [layers, Int(count)], into: nats)
        }
        try world.broadcast(levels, root: 0)
        try world.broadcast(nats, root: 0)
        return try agreed(on: world) { try LevelLosses(pairs: levels.array, nats: nats.array, headWidth: run.model.headWidth) }
    }

    /// Collective: fills the engine's policy, where one decides.
    ///
    /// - Throws: `AgreedError`, also where the checkpoint has none that fits, and `MPIError`.
    func readPolicy(into engine: RankEngine, world: borrowing Communicator) throws {
        try agreed(on: world) {
            if let lack = try reader?.lack(ofPolicyFor: engine) { throw lack }
        }
        try fillPolicy(of: engine, from: reader, world: world)
    }
}
