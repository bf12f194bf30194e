import Checkpoint
import Communicator
import Corpus
import HDF5
import Kernels
import LowRank
import Model
import Options

/// A checkpoint opened by all ranks together: rank 0 alone reads the file, and every rank knows what it holds.
///
///     let checkpoint = try OpenCheckpoint(path: path, world: world)
///     try checkpoint.load(ParameterArray.weights(of: stage), on: world)
public struct OpenCheckpoint: ~Copyable {
    /// The path that it was opened by.
    public let path: String
    /// The step at which it was saved.
    public let step: Int
    /// Its `/config`.
    public let run: SavedRun
    /// The adapter that it holds beside the weights; nil where there is none.
    public let adapter: PlacedAdapter?
    /// Of the tokenizer that it carries.
    public let tokenizerHash: String
    /// That tokenizer, on rank 0.
    public let tokenizer: ByteLevelBPE?
    /// The paths of all that is in it.
    private let paths: Set<String>
    /// On rank 0.
    private let reader: CheckpointReader?
    /// Of the adapter by its weight's path.
    private let adapted: [String: AdaptedMap]

    /// What rank 0 tells the others of the file.
    private struct Facts: Codable {
        let step: Int
        let run: SavedRun
        let tokenizerHash: String
        let paths: Set<String>
        let adapter: AdapterConfiguration?
    }

    /// Collective: verifies and opens the file, and reads configuration and tokenizer.
    ///
    /// - Throws: `AgreedError` on every rank for a file that cannot serve, and `MPIError`.
    public init(path: String, world: borrowing Communicator) throws {
        var reader: CheckpointReader?
        var tokenizer: ByteLevelBPE?
        var own: Facts?
        try agreed(on: world) {
            guard world.rank == 0 else { return }
            let opened = try CheckpointReader(path: path)
            let run = try opened.json(CheckpointLayout.config, as: SavedRun.self)
            let carried = try opened.tokenizer(for: run.model)
            let adapter = try opened.adapter(), paths = Set(opened.datasets.map(\.name))
            own = Facts(step: opened.step, run: run, tokenizerHash: carried.hash, paths: paths, adapter: adapter)
            tokenizer = carried
            reader = consume opened
        }
        let facts = try world.shared(own)
        adapter = try agreed(on: world) {
            try facts.adapter.map { adapter in
                do {
                    return try PlacedAdapter(adapter, at: facts.run.model)
                } catch {
                    throw ConfigurationError("\(path): its adapter does not suit its model: \(error)")
                }
            }
        }
        adapted = Dictionary(uniqueKeysWithValues: (adapter?.maps ?? []).map { (CheckpointLayout.parameter($0.weight.name), $0) })
        self.path = path
        step = facts.step
        run = facts.run
        tokenizerHash = facts.tokenizerHash
        paths = facts.paths
        self.tokenizer = tokenizer
        self.reader = reader
    }

    /// Whether it holds something of a part; the same on every rank.
    public func holds(_ part: some Persistent) -> Bool { part.entries.contains { paths.contains($0.path) } }

    /// Whether it says what a token's own input tells of losses; the same on every rank.
    public var holdsForecast: Bool { paths.contains(LossForecast.samplesPath) }

    /// Collective: fills the memory of a part with what the checkpoint holds, on every rank that has such memory, and lets it
    /// take that up. A part that may be absent and is stays as it is.
    ///
    /// - Parameter merging: whether weights hold what the checkpoint's adapter adds to them.
    /// - Throws: `AgreedError` on every rank for an entry that is missing or of another shape, and `MPIError`.
    public func load(_ part: some Persistent, merging: Bool = true, on world: borrowing Communicator) throws {
        if part.mayBeAbsent, !holds(part) { return }
        for entry in part.entries {
            switch entry.elements {
            case .float32(let pieces):
                try load(entry, pieces, on: world) { try read(entry, merging: merging, into: $0) }
            case .float64(let pieces):
                try load(entry, pieces, on: world) { try reader?.read(entry.path, shape: entry.shape, into: $0) }
            }
        }
        part.adopt()
    }

    private func load<Element: MPIElement & BinaryFloatingPoint>(
        _ entry: PersistentEntry, _ pieces: [Buffer<Element>]?, on world: borrowing Communicator,
        read: (Buffer<Element>) throws -> Void
    ) throws {
        if let standIn = entry.standIn, !paths.contains(entry.path) {
            for piece in pieces ?? [] { piece.fill(Element(standIn)) }
            return
        }
        try world.fill(pieces, count: entry.count, read: read)
    }

    /// On rank 0: the elements of an entry of float32, of whose memory nothing is asked.
    ///
    /// - Parameter merging: whether weights hold what the checkpoint's adapter adds to them.
    /// - Throws: `CheckpointError`.
    public func read(
        _ entry: PersistentEntry, merging: Bool = true, into elements: Buffer<Float>
    ) throws(CheckpointError) {
        try reader?.read(entry.path, shape: entry.shape, into: elements)
        guard merging, let map = adapted[entry.path], let down = try reader?.adapterParameter(map.down),
            let up = try reader?.adapterParameter(map.up)
        else { return }
        map.merge(down, up, into: elements, on: Team(threads: 1))
    }

    /// - Throws: `ConfigurationError` where a run with the adapter `wanted` cannot go on from here.
    func requireAdapter(_ wanted: AdapterConfiguration?) throws(ConfigurationError) {
        guard adapter?.configuration != wanted else { return }
        func name(_ adapter: AdapterConfiguration?) -> String { adapter.map { "\(option: "adapter") \($0.text)" } ?? "no adapter" }
        throw ConfigurationError(
            "\(path): its run has \(name(adapter?.configuration)), this one \(name(wanted)); use the same, or start from it "
                + "with \(option: "init") and \(option: "resume") none, which merges its adapter into the weights")
    }

    /// Collective: what it says of the run beside arrays.
    ///
    /// - Throws: `AgreedError` on every rank where some of it is missing, and `MPIError`.
    func record(on world: borrowing Communicator) throws -> RunRecord {
        try world.shared(agreed(on: world) { try reader?.record(of: run) })
    }

    /// Collective: what `drrl calibrate` found of losses; nil where it has not run.
    ///
    /// - Throws: `AgreedError` on every rank where it cannot be read, and `MPIError`.
    public func calibratedLosses(on world: borrowing Communicator) throws -> CalibratedLosses? {
        let found = try agreed(on: world) {
            try reader?.levelLosses(layers: run.model.layers, headWidth: run.model.headWidth)
        }
        let all: [LevelLosses] = try world.shared(found.map { [$0] } ?? [])
        guard let levels = all.first else { return nil }
        guard holdsForecast else { return CalibratedLosses(levels: levels, forecast: nil) }
        let forecast = LossForecast(
            layers: run.model.layers, width: run.model.width, levels: levels.levels.count)
        try load(forecast, on: world)
        return CalibratedLosses(levels: levels, forecast: forecast)
    }

    /// Collective: which text the run read.
    ///
    /// - Throws: `AgreedError` on every rank where that is missing, and `MPIError`.
    public func source(on world: borrowing Communicator) throws -> SavedCorpus { try record(on: world).corpus }

    /// Collective: on rank 0, the trace of levels, or `own` where it has none.
    ///
    /// - Throws: `AgreedError` on every rank where it cannot be read, and `MPIError`.
    func trace(like own: RankTrace, on world: borrowing Communicator) throws -> RankTrace {
        try agreed(on: world) { try reader?.trace(like: own) ?? own }
    }

    /// Why an engine's policy cannot be read from here: there is none, or one for other levels or segments. Nil where it can
    /// be, or no policy decides; the same on every rank.
    public func lack(ofPolicyFor engine: RankEngine) -> ConfigurationError? {
        guard let agent = engine.agent else { return nil }
        let options = engine.options
        guard holds(agent) else {
            return ConfigurationError(
                "\(path): it holds no policy, which \(option: "attention") policy needs; start one with drrl-train "
                    + "\(option: "new-policy"), or use another checkpoint or strategy")
        }
        guard let saved = run.ranks else { return nil }
        func names(_ levels: [Level]) -> String { levels.map(\.description).joined(separator: ",") }
        guard saved.levels == options.levels else {
            return ConfigurationError(
                "\(path): its policy chooses among levels \(names(saved.levels)), this run among \(names(options.levels)); "
                    + "use \(option: "levels") \(names(saved.levels)), or start anew with drrl-train \(option: "new-policy")")
        }
        guard saved.segment == options.segment else {
            return ConfigurationError(
                "\(path): its policy decides for segments of \(saved.segment) tokens, this run asks for \(options.segment); "
                    + "use \(option: "segment") \(saved.segment), or start anew with drrl-train \(option: "new-policy")")
        }
        return nil
    }
}
