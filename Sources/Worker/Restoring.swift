import Communicator
import Kernels
import LowRank
import Model
import Options

extension Worker {
    /// Collective: takes up the run that a checkpoint holds, from whatever grid.
    ///
    /// - Parameters:
    ///   - calibrated: what levels lose in the checkpoint's model, where it says so.
    ///   - startsPolicy: where the checkpoint has no policy for these levels, let the policy begin here.
    /// - Returns: what there is to say of it.
    /// - Throws: `AgreedError` on every rank when the checkpoint cannot be read, is of another shape or was made with
    ///   another tokenizer or seed, or holds no policy for these levels where one decides, with weights untouched; and
    ///   `MPIError`.
    @discardableResult
    public func restore(
        from checkpoint: borrowing OpenCheckpoint, tokenizerHash: String, calibrated: CalibratedLosses? = nil,
        startsPolicy: Bool = false
    ) throws -> RestoredRun {
        let record = try checkpoint.record(on: grid.world), path = checkpoint.path
        try grid.agree {
            try record.requireSame(as: configuration, seed: options.seed, tokenizerHash: tokenizerHash, path: path)
            try checkpoint.requireAdapter(stage.adapters?.placed.configuration)
            guard ParameterArray.moments(of: stage).allSatisfy({ checkpoint.holds($0) }) else {
                throw ConfigurationError(
                    "\(path): holds a model and no run to go on with, as drrl import makes them; start from it with "
                        + "\(option: "init") \(path)")
            }
            if let lack = checkpoint.lack(ofPolicyFor: ranks), !startsPolicy { throw lack }
        }
        ranks.calibrated = calibrated
        let saved = try checkpoint.trace(like: trace, on: grid.world), isNew = checkpoint.lack(ofPolicyFor: ranks) != nil
        for part in parts where !(isNew && part is PolicyAgent) && !(part is LossForecast) {
            try checkpoint.load(part, merging: false, on: grid.world)
        }
        stage.learnt.gradients.fill(0)
        step = checkpoint.step
        cursor = Int(record.cursor)
        return RestoredRun(run: record.run, corpus: record.corpus, traceNote: takeUp(saved))
    }

    /// Collective: takes weights in place of the initial ones; moments and the data cursor stay as at a start.
    ///
    /// - Parameter read: on rank 0, gives a parameter's values; not called elsewhere.
    /// - Throws: `AgreedError` on every rank where a parameter cannot be read or is not finite, and `MPIError`.
    public func takeWeights(_ read: (ParameterSpec, Buffer<Float>) throws -> Void) throws {
        let own = stage.parameters
        for spec in configuration.parameters {
            try grid.world.fill(own.layout[spec.name].map { [own.values[$0.range]] }, count: spec.count) { elements in
                try read(spec, elements)
                guard areFinite(elements) else {
                    throw UnusableFileError("\(spec.name) has elements that are not finite; use other weights")
                }
            }
        }
    }

    /// Collective: takes Grams, bases and what levels were found to lose from a calibrated checkpoint, so that the first step
    /// runs at levels.
    ///
    /// - Parameters:
    ///   - known: what the checkpoint says of losses.
    ///   - checkpoint: of a model of the same shape.
    /// - Throws: `AgreedError` on every rank for an entry that is missing or of another shape, and `MPIError`.
    public func takeCalibration(_ known: CalibratedLosses, from checkpoint: borrowing OpenCheckpoint) throws {
        try checkpoint.load(ranks, on: grid.world)
        ranks.calibrated = known
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

extension RunRecord {
    /// - Throws: `ConfigurationError` where a run of this model, seed and tokenizer cannot go on from here, the checkpoint at
    ///   `path`.
    fileprivate func requireSame(
        as configuration: ModelConfiguration, seed wanted: UInt64, tokenizerHash wantedHash: String, path: String
    ) throws(ConfigurationError) {
        try run.requireSameModel(configuration, path: path)
        guard tokenizerHash == wantedHash else {
            throw ConfigurationError(
                "\(path): made with tokenizer \(tokenizerHash.prefix(12)), and this run uses \(wantedHash.prefix(12)); "
                    + "name its tokenizer with \(option: "tokenizer"), or use another \(option: "run-dir") or "
                    + "\(option: "resume") none")
        }
        guard seed == wanted else {
            throw ConfigurationError(
                "\(path): its run has seed \(seed), this one \(wanted); use \(option: "seed") \(seed), or "
                    + "\(option: "resume") none")
        }
    }
}
