import Communicator
import Kernels
import LowRank
import Model
import Options
import Worker

/// What one strategy did on a windowed text; the same on every rank but for `record`.
struct WindowRun {
    /// Nats that each window's predicted tokens took.
    let windowNLL: [Double]
    let flops: AttentionFLOPs
    /// Of these, what folded resident bases, which does not grow with the windows.
    let foldingFLOPs: Double
    /// Of the slowest rank's forward passes, the folding of bases among them.
    let seconds: Double
    /// Of these, what went on beside attention itself: folding, bases online, policy and guard.
    let overheadSeconds: Double
    /// Mean over the predicted tokens, by layer.
    let scoreRank, valueRank: [Double]
    let histogram: LevelHistogram
    /// Of the tokens that this rank's windows predict.
    let record: TokenRecord

    var nll: Double { windowNLL.reduce(0, +) }
}

/// A checkpoint's model in memory, which runs windows at any strategy: weights and bases are read once.
final class WindowRunner {
    let saved: OpenCheckpoint
    let model: ModelConfiguration
    let team: Team
    /// The model under each kind of attention that was asked for, the first by softmax; all share its weights.
    private var stages: [(kind: AttentionKind, stage: TransformerStage)]
    let activations: Activations
    private let bases: ResidentBases?
    /// What `drrl calibrate` found of losses.
    let calibrated: CalibratedLosses?

    /// Collective: for `rows` tokens at once. Bases are read where `reducing` names what needs them, and those of values
    /// found anew where `valueBasis` names what they keep best.
    ///
    /// - Parameter length: the most tokens of a sequence; `rows` unless told.
    /// - Throws: `AgreedError`, also where the checkpoint has no bases, and `MPIError`.
    init(
        _ saved: consuming OpenCheckpoint, rows: Int, length: Int? = nil, threads: Int, reducing: String?,
        valueBasis: String? = nil, world: borrowing Communicator
    ) throws {
        var shape = saved.run.model
        // Positions that rotate may go beyond those of the run.
        shape.context = max(shape.context, length ?? rows)
        let model = shape
        self.model = model
        try agreed(on: world) {
            try MemoryLimits.requireAddressSpace(bytes: MemoryEstimate(reading: model, rows: rows).bytes, threads: threads)
        }
        team = Team(threads: threads)
        team.claimOpenBLASBuffers()
        var bases: ResidentBases?
        if let reducing {
            let kept = ResidentBases(model, layers: 0..<model.layers)
            try saved.load(kept, on: world)
            try agreed(on: world) {
                guard kept.areMade else {
                    throw ConfigurationError(
                        "\(reducing) needs bases, and this checkpoint has none under /lowrank; "
                            + "use full attention, or a checkpoint of a run that kept them")
                }
            }
            if let measure = valueBasis.flatMap(ValueMeasure.init(rawValue:)) {
                try agreed(on: world) { try Self.findValueBases(of: kept, keeping: measure) }
            }
            bases = kept
        }
        self.bases = bases
        calibrated = bases == nil ? nil : try saved.calibratedLosses(on: world)
        let stage = TransformerStage(model, placement: .whole(model), rows: rows, team: team, forTraining: false)
        stages = [(.softmax, stage)]
        try saved.load(ParameterArray.weights(of: stage), on: world)
        activations = stage.makeActivations()
        self.saved = saved
    }

    /// - Throws: `ConfigurationError` where they cannot be had.
    private static func findValueBases(of kept: ResidentBases, keeping measure: ValueMeasure) throws(ConfigurationError) {
        guard measure != .loss || kept.knowLoss else {
            throw ConfigurationError(
                "--value-basis loss needs Grams of gradients, which this checkpoint has not; drrl calibrate sums them")
        }
        do {
            try kept.findValueBases(keeping: measure)
        } catch {
            throw ConfigurationError("--value-basis \(measure.rawValue): a Gram of the checkpoint has no basis (\(error))")
        }
    }

    /// Collective: an engine of its own for a strategy, on the checkpoint's bases and losses, and its policy where one decides.
    ///
    /// - Throws: `AgreedError`, also for levels that cannot be and where the checkpoint has no such policy, and `MPIError`.
    func engine(_ options: RankOptions, on world: borrowing Communicator) throws -> RankEngine {
        let engine = try agreed(on: world) {
            try RankEngine(
                model, layers: 0..<model.layers, options: options, seed: saved.run.training.seed, team: team, resident: bases,
                now: monotonicSeconds)
        }
        engine.calibrated = calibrated
        try agreed(on: world) { if let lack = saved.lack(ofPolicyFor: engine) { throw lack } }
        if let agent = engine.agent { try saved.load(agent, on: world) }
        if let policy = engine.tokenPolicy { try saved.load(policy, on: world) }
        return engine
    }

    func stage(for options: RankOptions) -> TransformerStage {
        let kind = options.attentionKind(seed: saved.run.training.seed)
        if let known = stages.first(where: { $0.kind == kind }) { return known.stage }
        let first = stages[0].stage
        let stage = TransformerStage(
            model, placement: first.placement, rows: first.capacity, team: team, forTraining: false, attention: kind,
            sharing: first)
        stages.append((kind, stage))
        return stage
    }

    /// Collective: each rank runs its share of the windows.
    ///
    /// - Parameter levels: in place of those that the engine's strategy names, which reads in the same bases.
    /// - Throws: `AgreedError` where the loss is not finite, and `MPIError`.
    func run(
        _ text: WindowedText, _ engine: RankEngine, at levels: OracleLevels? = nil, on world: borrowing Communicator
    ) throws -> WindowRun {
        let windows = text.windows, layers = model.layers
        let share = Topology.share(of: windows.count, part: world.rank, of: world.size)
        try agreed(on: world) {
            do {
                try engine.requireLevels(length: windows.context)
            } catch {
                throw ConfigurationError("\(saved.path): \(error)")
            }
        }
        let own = predict(text, part: world.rank, of: world.size, engine, at: levels)
        let parts = [
            AttentionFLOPs.counts(team.flops), [Double(own.foldingFLOPs)], own.record.rankSums(layers: layers), own.histogram.counts.flatMap(\.self),
            (0..<windows.count).map { share.contains($0) ? own.windowNLL[$0 - share.lowerBound] : 0 },
        ]
        let sums = Buffer(parts.flatMap(\.self))
        try world.allreduce(sums, .sum)
        let seconds = try world.allreduce(own.seconds, .max)
        let overheadSeconds = try world.allreduce(engine.overhead.take(), .max)

        var rest = sums.array[...]
        let (flops, folding, ranks, counts, windowNLL) = (
            rest.take(parts[0].count), rest.take(1)[0], rest.take(parts[2].count), rest.take(parts[3].count),
            Array(rest.take(parts[4].count)))
        try agreed(on: world) {
            guard windowNLL.allSatisfy(\.isFinite) else {
                throw UnusableFileError(
                    "\(saved.path): the loss with \(engine.options.name) attention is not finite; "
                        + "use another checkpoint")
            }
        }
        let means = ranks.map { $0 / Double(windows.targets) }
        return WindowRun(
            windowNLL: windowNLL,
            flops: AttentionFLOPs(
                counts: flops,
                fullAttention: model.fullAttentionForwardFLOPs(sequences: windows.count, length: windows.context),
                fullProjections: model.fullProjectionFLOPs(sequences: windows.count, length: windows.context)),
            foldingFLOPs: folding, seconds: seconds, overheadSeconds: overheadSeconds,
            scoreRank: (0..<layers).map { means[2 * $0] },
            valueRank: (0..<layers).map { means[2 * $0 + 1] },
            histogram: LevelHistogram(levels: engine.options.levels, counts: counts), record: own.record)
    }

    /// Runs a part's share of the windows, each alone and padded to one context: a token's numbers then depend on what comes
    /// before it in its window and on nothing else, bit for bit, whatever the rank or the number of windows.
    private func predict(
        _ text: WindowedText, part: Int, of parts: Int, _ engine: RankEngine, at levels: OracleLevels?
    ) -> (record: TokenRecord, windowNLL: [Double], histogram: LevelHistogram, foldingFLOPs: Int, seconds: Double) {
        let windows = text.windows, d = Int32(model.headWidth)
        let nll = Buffer<Double>(uninitialized: windows.context)
        var record = TokenRecord(), windowNLL: [Double] = []
        var histogram = LevelHistogram(layers: model.layers, levels: engine.options.levels)
        let stage = stage(for: engine.options)
        team.flops.reset()
        _ = engine.overhead.take()
        var start = monotonicSeconds()
        let lowRank = levels.map { levels in
            engine.pass { layer, batch in levels.levels(window: Int(batch.samples[0]), layer: layer) }
        } ?? engine.evaluationPass(of: stage)
        // Counted apart: it is done once, however many windows follow.
        if engine.isReducing, !Topology.share(of: windows.count, part: part, of: parts).isEmpty { stage.fold(lowRank) }
        var seconds = monotonicSeconds() - start
        let folding = team.flops[.upkeep]
        text.forEachBatch(part: part, of: parts, most: 1) { window, batch in
            start = monotonicSeconds()
            stage.forward(batch, activations, lowRank: lowRank)
            stage.negativeLogLikelihood(batch, activations, into: nll)
            seconds += monotonicSeconds() - start
            let rows = windows.predictingRows(of: window.lowerBound), own = nll[rows].array
            windowNLL.append(own.reduce(0, +))
            record.nll += own
            histogram.add(activations.levels)
            for row in rows {
                for levels in activations.levels {
                    let level = levels?[sequence: 0, row: row]
                    record.ranks.append(level.map { Int32($0.scoreRank) } ?? d)
                    record.ranks.append(level.map { Int32($0.valueRank) } ?? d)
                }
            }
        } between: { _, _ in true }
        return (record, windowNLL, histogram, folding, seconds)
    }
}

extension ArraySlice {
    /// Removes the first `count` elements and returns them, counted from 0.
    fileprivate mutating func take(_ count: Int) -> ArraySlice<Element> {
        defer { removeFirst(count) }
        return Array(prefix(count))[...]
    }
}
