import Checkpoint
import Communicator
import DynamicRank
import Kernels
import Transformer

extension Worker {
    /// Collective: saves the run as it stands in `directory`. Returns the checkpoint's path on rank 0.
    ///
    /// Rank 0 writes; the other stages of its replica send it their parameters one by one.
    ///
    /// - Throws: `NonFiniteError` on every rank, with nothing written, where weights, moments, Grams or policy are not
    ///   finite; `AgreedError` when the file could not be written; and `MPIError`.
    @discardableResult
    public func save(in directory: String, corpus: SavedCorpus, tokenizer: SavedTokenizer) throws -> String? {
        try requireFiniteState()
        let isRoot = grid.topology.rank == 0
        let whole = ParameterLayout(configuration, .whole(configuration))
        let owners = try Owners(configuration, stages: grid.topology.stages)
        var writer: CheckpointWriter?
        try grid.agree {
            if isRoot { writer = try begin(in: directory, corpus: corpus, tokenizer: tokenizer) }
        }
        // A failed write must not leave the senders waiting, so everything is received all the same.
        var failure: (any Error)?
        func store<Element: CheckpointElement>(_ name: String, _ shape: [Int], _ elements: Buffer<Element>) {
            guard failure == nil else { return }
            do {
                try writer?.write(name, shape: shape, elements)
            } catch {
                failure = error
            }
        }
        for (array, name) in [
            (stage.parameters.values, CheckpointLayout.parameter),
            (stage.parameters.firstMoment, CheckpointLayout.firstMoment),
            (stage.parameters.secondMoment, CheckpointLayout.secondMoment),
        ] {
            for parameter in whole.parameters {
                let own = stage.parameters.layout[parameter.name].map { array[$0.range] }
                let elements = try collect(own, count: parameter.range.count, from: owners.stage(of: parameter))
                if let elements { store(name(parameter.name), parameter.shape, elements) }
            }
        }
        for layer in 0..<configuration.layers {
            for (entry, (name, shape, _)) in RankEngine.entries(configuration).enumerated() {
                let own = stage.placement.layers.contains(layer) ? ranks.read(entry: entry, layer: layer) : nil
                let elements = try collect(own, count: shape.reduce(1, *), from: owners.stage(ofLayer: layer))
                if let elements { store(CheckpointLayout.lowRank("layer_\(layer)/\(name)"), shape, elements) }
            }
        }
        // Every rank has the whole policy.
        if isRoot { for entry in ranks.policyEntries { store(CheckpointLayout.policy(entry.name), entry.shape, entry.values) } }
        return try grid.agree {
            if let failure { throw failure }
            guard let finished = writer.take() else { return nil }
            return try finished.commit()
        }
    }

    /// Bytes that the next checkpoint takes, tokenizer and metadata aside.
    public var checkpointByteCount: Int {
        let parameters = ParameterLayout(configuration, .whole(configuration)).parameters.reduce(0) { $0 + $1.range.count }
        let lowRank = configuration.layers * RankEngine.entries(configuration).reduce(0) { $0 + $1.shape.reduce(1, *) }
        let policy = ranks.policyEntries.reduce(0) { $0 + $1.values.count }
        return (3 * parameters + policy) * MemoryLayout<Float>.size + lowRank * MemoryLayout<Double>.size + trace.byteCount
    }

    /// Collective: throws `NonFiniteError` on every rank where what any of them would save is not finite.
    private func requireFiniteState() throws {
        let arena = stage.parameters
        let arrays = [("a weight", arena.values), ("a moment", arena.firstMoment), ("a moment", arena.secondMoment)]
            + ranks.policyEntries.map { ("a weight of the policy", $0.values) }
        var fault = arrays.first { !areFinite($0.1) }?.0
        let entries = RankEngine.entries(configuration).count
        if fault == nil, stage.placement.layers.contains(where: { layer in
            (0..<entries).contains { !areFinite(ranks.read(entry: $0, layer: layer)) }
        }) { fault = "a Gram or basis" }
        if let remote = try grid.world.vote(fault) {
            throw NonFiniteError(step: step, what: "\(remote.message) on rank \(remote.rank) after the update")
        }
    }

    private func begin(
        in directory: String, corpus: SavedCorpus, tokenizer: SavedTokenizer
    ) throws -> CheckpointWriter {
        var writer = try CheckpointWriter(directory: directory, step: step, expectedBytes: checkpointByteCount)
        let run = SavedRun(model: configuration, training: options, ranks: ranks.options, precision: team.precision)
        try writer.write(CheckpointLayout.config, json: run)
        try writer.write(CheckpointLayout.dataCursor, scalar: Int64(cursor))
        try writer.write(CheckpointLayout.dataSource, json: corpus)
        try writer.write(CheckpointLayout.randomKey, scalar: options.seed)
        try writer.write(tokenizer)
        try writer.write(trace)
        return writer
    }

    /// On rank 0 the `count` elements that stage `owner` of replica 0 holds, which are `own` there; nil elsewhere.
    private func collect<Element: MPIElement>(
        _ own: Buffer<Element>?, count: Int, from owner: Int
    ) throws -> Buffer<Element>? {
        let topology = grid.topology
        guard topology.replica == 0 else { return nil }
        if topology.stage == 0 {
            if owner == 0 { return own }
            let elements = Buffer<Element>(uninitialized: count)
            try grid.sameReplica.receive(into: elements, from: owner, tag: 0)
            return elements
        }
        if topology.stage == owner, let own { try grid.sameReplica.send(own, to: 0, tag: 0) }
        return nil
    }
}

/// The first stage that holds each part of the model.
private struct Owners {
    private let placements: [StagePlacement]
    private let layouts: [ParameterLayout]

    init(_ configuration: ModelConfiguration, stages: Int) throws {
        placements = try StagePlacement.split(configuration, stages: stages)
        layouts = placements.map { ParameterLayout(configuration, $0) }
    }

    func stage(of parameter: Parameter) -> Int {
        guard let stage = layouts.firstIndex(where: { $0[parameter.name] != nil })
        else { preconditionFailure("\(parameter.name) is on no stage") }
        return stage
    }

    func stage(ofLayer layer: Int) -> Int {
        guard let stage = placements.firstIndex(where: { $0.layers.contains(layer) })
        else { preconditionFailure("layer \(layer) is on no stage") }
        return stage
    }
}
