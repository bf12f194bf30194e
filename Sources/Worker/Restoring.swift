import Checkpoint
import Communicator
import DynamicRank
import Kernels
import Transformer

extension Worker {
    /// Collective: takes up the run that a checkpoint holds, from whatever grid. Returns on rank 0 what there is to say of it.
    ///
    /// Only rank 0 has a `reader`.
    ///
    /// - Throws: `AgreedError` on every rank when the checkpoint cannot be read, is of another shape or was made with
    ///   another tokenizer or seed, or holds no policy for these levels where one decides; weights are untouched unless
    ///   all of that holds; and `MPIError`.
    ///
    /// - Parameter startsPolicy: where the checkpoint has no policy for these levels, let the policy begin here.
    @discardableResult
    public func restore(
        from reader: borrowing CheckpointReader?, tokenizerHash: String, startsPolicy: Bool = false
    ) throws -> RestoredRun? {
        let found = try grid.agree { try reader?.saved(for: self, tokenizerHash: tokenizerHash, startsPolicy: startsPolicy) }
        let progress = try grid.world.broadcast(found?.progress ?? [], root: 0)
        let whole = ParameterLayout(configuration, .whole(configuration))
        for (array, name) in [
            (stage.parameters.values, CheckpointLayout.parameter),
            (stage.parameters.firstMoment, CheckpointLayout.firstMoment),
            (stage.parameters.secondMoment, CheckpointLayout.secondMoment),
        ] {
            for parameter in whole.parameters {
                try take(parameter, of: array) {
                    try reader?.read(name(parameter.name), shape: parameter.shape, into: $0)
                }
            }
        }
        stage.parameters.gradients.fill(0)
        if progress[2] == 1 {
            for layer in 0..<configuration.layers {
                for (entry, (name, shape, isOptional)) in RankEngine.entries(configuration).enumerated() {
                    let elements = Buffer<Double>(count: shape.reduce(1, *), repeating: 0)
                    try grid.agree {
                        let path = CheckpointLayout.lowRank("layer_\(layer)/\(name)")
                        if isOptional, reader?.description(of: path) == nil { return }
                        try reader?.read(path, shape: shape, into: elements)
                    }
                    try grid.world.broadcast(elements, root: 0)
                    if stage.placement.layers.contains(layer) { ranks.write(elements, entry: entry, layer: layer) }
                }
            }
            ranks.adopt()
        }
        if progress[3] == 1 {
            try fillPolicy(of: ranks, from: reader, world: grid.world)
        }
        step = Int(progress[0])
        cursor = Int(progress[1])
        return found.map { RestoredRun(run: $0.run, corpus: $0.corpus, traceNote: takeUp($0.trace)) }
    }

    /// Collective: takes weights in place of the initial ones; moments, bases and the data cursor stay as at a start.
    ///
    /// - Parameter read: on rank 0, gives a parameter's values; not called elsewhere.
    /// - Throws: `AgreedError` on every rank where a parameter cannot be read or is not finite, and `MPIError`.
    public func takeWeights(_ read: (ParameterSpec, Buffer<Float>) throws -> Void) throws {
        let isRoot = grid.world.rank == 0
        for parameter in ParameterLayout(configuration, .whole(configuration)).parameters {
            try take(parameter, of: stage.parameters.values) { elements in
                guard isRoot else { return }
                try read(parameter.spec, elements)
                guard areFinite(elements) else {
                    throw ConfigurationError("\(parameter.name) has elements that are not finite; use other weights")
                }
            }
        }
    }

    /// Collective: a parameter's part of `array`, weights or moments, as rank 0 reads it; a rank that does not hold it passes
    /// it on.
    private func take(
        _ parameter: Parameter, of array: Buffer<Float>, read: (Buffer<Float>) throws -> Void
    ) throws {
        let own = stage.parameters.layout[parameter.name].map { array[$0.range] }
        let elements = own ?? Buffer<Float>(uninitialized: parameter.range.count)
        try grid.agree { try read(elements) }
        try grid.world.broadcast(elements, root: 0)
    }

    /// Goes on with the trace of a checkpoint, or says why it cannot.
    private func takeUp(_ saved: RankTrace) -> String? {
        guard saved.layers == trace.layers, saved.segments == trace.segments else {
            trace = RankTrace(layers: trace.layers, segments: trace.segments)
            return "its trace has \(saved.segments) segments a sequence and this run \(trace.segments); "
                + "the trace begins anew"
        }
        trace = saved
        return nil
    }

}

/// What a checkpoint holds besides arrays.
private struct SavedFacts {
    let run: SavedRun
    let corpus: SavedCorpus
    let trace: RankTrace
    /// Step, data cursor, whether there are bases, whether the policy is to be read.
    let progress: [Int64]
}

extension CheckpointReader {
    /// What `worker` goes on from.
    ///
    /// - Throws: `ConfigurationError` where it cannot, and `CheckpointError`.
    fileprivate borrowing func saved(for worker: Worker, tokenizerHash: String, startsPolicy: Bool) throws -> SavedFacts {
        let run = try json(CheckpointLayout.config, as: SavedRun.self)
        try requireSame(run, as: worker.configuration, seed: worker.options.seed, tokenizerHash: tokenizerHash)
        let name = ParameterLayout(worker.configuration, .whole(worker.configuration)).parameters[0].name
        guard description(of: CheckpointLayout.firstMoment(name)) != nil else {
            throw ConfigurationError(
                "\(path): holds a model and no run to go on with, as drrl import makes them; start from it with --init \(path)")
        }
        let lack = try lack(ofPolicyFor: worker.ranks)
        if let lack, !startsPolicy { throw lack }
        let hasBases = description(of: CheckpointLayout.lowRank("layer_0/gram")) != nil
        return SavedFacts(
            run: run, corpus: try json(CheckpointLayout.dataSource), trace: try trace(like: worker.trace),
            progress: [Int64(step), try scalar(CheckpointLayout.dataCursor), hasBases ? 1 : 0, lack == nil ? 1 : 0])
    }

    /// - Throws: `ConfigurationError` where a run of this model, seed and tokenizer cannot go on from here.
    fileprivate borrowing func requireSame(
        _ saved: SavedRun, as configuration: ModelConfiguration, seed wanted: UInt64, tokenizerHash: String
    ) throws {
        try saved.requireSameModel(configuration, path: path)
        let hash = try text(CheckpointLayout.tokenizerHash)
        guard hash == tokenizerHash else {
            throw ConfigurationError(
                "\(path): made with tokenizer \(hash.prefix(12)), and this run uses \(tokenizerHash.prefix(12)); "
                    + "name its tokenizer with --tokenizer, or use another --run-dir or --resume none")
        }
        let seed: UInt64 = try scalar(CheckpointLayout.randomKey)
        guard seed == wanted else {
            throw ConfigurationError(
                "\(path): its run has seed \(seed), this one \(wanted); use --seed \(seed), or --resume none")
        }
    }
}
