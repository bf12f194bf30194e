import Checkpoint
import Communicator
import DynamicRank
import Kernels
import Transformer

extension Worker {
    /// Collective: takes up the run saved at `path`, from whatever grid. Returns on rank 0 what there is to say of it.
    ///
    /// Only rank 0 reads the file. Throws `AgreedError` on every rank when the checkpoint cannot be read, is of another
    /// shape or was made with another tokenizer or seed, or holds no policy for these levels where one decides; weights are
    /// untouched unless all of that holds. Throws `MPIError` as well.
    ///
    /// - Parameter startsPolicy: where the checkpoint has no policy for these levels, let the policy begin here.
    @discardableResult
    public func restore(from path: String, tokenizerHash: String, startsPolicy: Bool = false) throws -> RestoredRun? {
        let isRoot = grid.topology.rank == 0
        var reader: CheckpointReader?
        var progress: [Int64] = [0, 0, 0, 0]
        var restored: (run: SavedRun, corpus: SavedCorpus, trace: RankTrace)?
        try grid.agree {
            guard isRoot else { return }
            let opened = try CheckpointReader(path: path)
            let run = try opened.json(CheckpointLayout.config, as: SavedRun.self)
            try requireSame(opened, run, tokenizerHash: tokenizerHash)
            let lack = try opened.lack(ofPolicyFor: ranks)
            if let lack, !startsPolicy { throw lack }
            let hasBases = opened.description(of: CheckpointLayout.lowRank("layer_0/gram")) != nil
            progress = [Int64(opened.step), try opened.scalar(CheckpointLayout.dataCursor), hasBases ? 1 : 0, lack == nil ? 1 : 0]
            restored = (run, try opened.json(CheckpointLayout.dataSource), try Self.trace(in: opened, like: trace))
            reader = consume opened
        }
        let whole = ParameterLayout(configuration, .whole(configuration))
        for (array, name) in [
            (stage.parameters.values, CheckpointLayout.parameter),
            (stage.parameters.firstMoment, CheckpointLayout.firstMoment),
            (stage.parameters.secondMoment, CheckpointLayout.secondMoment),
        ] {
            for parameter in whole.parameters {
                let own = stage.parameters.layout[parameter.name].map { array[$0.range] }
                let elements = own ?? Buffer<Float>(uninitialized: parameter.range.count)
                try grid.agree {
                    try reader?.read(name(parameter.name), shape: parameter.shape, into: elements)
                }
                try grid.world.broadcast(elements, root: 0)
            }
        }
        stage.parameters.gradients.fill(0)
        progress = try grid.world.broadcast(progress, root: 0)
        if progress[2] == 1 {
            for layer in 0..<configuration.layers {
                for (entry, (name, shape)) in RankEngine.entries(configuration).enumerated() {
                    let elements = Buffer<Double>(uninitialized: shape.reduce(1, *))
                    try grid.agree {
                        try reader?.read(CheckpointLayout.lowRank("layer_\(layer)/\(name)"), shape: shape, into: elements)
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
        return restored.map {
            RestoredRun(corpus: $0.corpus, precision: $0.run.precision ?? .float32, traceNote: takeUp($0.trace))
        }
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

    private func requireSame(_ reader: borrowing CheckpointReader, _ saved: SavedRun, tokenizerHash: String) throws {
        if let mismatch = saved.mismatch(with: configuration) {
            throw ConfigurationError(
                "\(reader.path): \(mismatch); give the model's own options, or use another --run-dir or --resume none")
        }
        let hash = try reader.text(CheckpointLayout.tokenizerHash)
        guard hash == tokenizerHash else {
            throw ConfigurationError(
                "\(reader.path): made with tokenizer \(hash.prefix(12)), and this run uses \(tokenizerHash.prefix(12)); "
                    + "name its tokenizer with --tokenizer, or use another --run-dir or --resume none")
        }
        let seed: UInt64 = try reader.scalar(CheckpointLayout.randomKey)
        guard seed == options.seed else {
            throw ConfigurationError(
                "\(reader.path): its run has seed \(seed), this one \(options.seed); use --seed \(seed), or --resume none")
        }
    }
}
