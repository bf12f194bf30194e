import Checkpoint
import CommandLine
import Communicator
import Corpus
import Foundation
import Kernels
import LowRank
import Model
import Options
import Worker

/// A checkpoint's model in memory that is looked at in full, forward and backward, on some windows of a text.
final class Calibration {
    private let saved: OpenCheckpoint
    private let plan: CalibrationPlan
    private let model: ModelConfiguration
    private let tokens: Tokens
    /// Of all ranks, and this one's.
    private let windows: Int, share: Range<Int>
    private let draw: TargetDraw, rows: RowDraw
    private let team: Team
    private let stage: TransformerStage
    private let activations: Activations
    private let engine: RankEngine

    /// Collective.
    ///
    /// - Throws: `AgreedError` and `MPIError`.
    init(
        _ saved: consuming OpenCheckpoint, _ plan: CalibrationPlan, tokens: Tokens, windows: Int, seed: UInt64, threads: Int,
        on world: borrowing Communicator
    ) throws {
        var shape = saved.run.model
        // Positions that rotate may go beyond those of the run.
        shape.context = max(shape.context, plan.context)
        let model = shape, ranks = plan.ranks
        self.model = model
        self.plan = plan
        self.tokens = tokens
        self.windows = windows
        share = Topology.share(of: windows, part: world.rank, of: world.size)
        draw = TargetDraw(seed: seed, pass: 0)
        rows = RowDraw(every: plan.lookEvery, seed: seed, pass: 0)
        let team = Team(threads: threads)
        team.claimOpenBLASBuffers()
        self.team = team
        stage = TransformerStage(model, placement: .whole(model), rows: plan.context, team: team, learns: false)
        try saved.load(ParameterArray.weights(of: stage), on: world)
        activations = stage.makeActivations()
        engine = try agreed(on: world) {
            try RankEngine(
                model, layers: 0..<model.layers, options: ranks, seed: saved.run.training.seed, team: team, now: monotonicSeconds)
        }
        self.saved = saved
    }

    private func batch(_ window: Int) -> MicroBatch {
        let first = window * plan.context, L = plan.context
        let inputs = Buffer<Int32>(uninitialized: L), targets = Buffer<Int32>(uninitialized: L)
        tokens.readWindow(
            first..<(first + L), predicting: (first + 1)..<(first + L + 1), inputs: inputs, targets: targets)
        return MicroBatch(sequences: 1, length: L, tokens: inputs, targets: targets, samples: [UInt64(window)])
    }

    /// Full attention forward, and backward with targets that the model drew; whoever watches is told what it is for.
    private func look(for purpose: String, _ observer: @escaping AttentionObserver) {
        for window in share {
            if share.lowerBound == 0, isatty(STDERR_FILENO) == 1 {
                remark("calibrate: \(purpose), window \(window + 1) of \(share.count)")
            }
            let batch = batch(window)
            stage.forward(batch, activations)
            let drawn = batch.replacing(targets: stage.drawTargets(batch, activations, draw))
            _ = stage.loss(drawn, activations, scale: 1)
            stage.backward(drawn, activations, observer: observer)
        }
    }

    /// Collective: Grams of all windows, and their bases.
    ///
    /// - Throws: `AgreedError` where a Gram cannot be decomposed, and `MPIError`.
    func findBases(on world: borrowing Communicator) throws {
        look(for: "bases", engine.gatherer(scale: 1))
        try world.allreduce(engine.gatheredSums, .sum)
        try agreed(on: world) {
            do {
                try engine.takeGathered()
            } catch {
                throw UnusableFileError("\(saved.path): its Grams have no bases (\(error)); use another checkpoint or text")
            }
        }
    }

    /// Collective: what each level loses in each layer, by the bases found, and a forecast of it for a token.
    ///
    /// - Throws: `AgreedError` where a loss is not a number, and `MPIError`.
    func estimateLosses(on world: borrowing Communicator) throws -> CalibratedLosses {
        guard let exact = plan.ranks.exact else { preconditionFailure("a calibration without exact tokens") }
        let estimate = LossEstimate(
            model.layer.attention, levels: plan.levels, exact: exact, segment: plan.ranks.segment, team: team)
        let sums = Sensitivities(
            layers: model.layers, length: plan.context, segment: plan.context, levels: plan.levels.count)
        let bases = (0..<model.layers).map { engine.basis(ofLayer: $0) }
        let looked = LookedInputs(model, levels: plan.levels.count, windows: windows, rowsPerWindow: rows.most(of: plan.context))
        look(for: "losses") { [rows, plan] seen in
            let losses = estimate.losses(
                of: seen, basis: bases[seen.layer], rows: rows.rows(of: seen.batch, layer: seen.layer), scale: 1)
            sums.add(losses, layer: seen.layer)
            looked.add(losses, of: seen) { !exact.far(of: $0, segment: plan.ranks.segment).isEmpty }
        }
        try world.allreduce(sums.values, .sum)
        let levels = try agreed(on: world) {
            let nats = (0..<model.layers).compactMap { sums.means(layer: $0) }
            guard nats.count == model.layers else {
                throw ConfigurationError("--look-every \(plan.lookEvery) leaves no row of so few tokens; give a smaller one")
            }
            do {
                return try LevelLosses(levels: plan.levels, nats: nats)
            } catch {
                throw UnusableFileError("\(saved.path): \(error); use another checkpoint")
            }
        }
        let forecast = LossForecast(layers: model.layers, width: model.width, levels: plan.levels.count)
        try looked.teach(forecast, means: levels.nats, seed: saved.run.training.seed, on: team, world)
        return CalibratedLosses(levels: levels, forecast: forecast)
    }

    /// Collective: Kullback and Leibler's divergence of the model with one layer at a level from the model in full, in nats a
    /// token: by level asked for and layer; nil where none is.
    ///
    /// - Throws: `MPIError`.
    func divergences(on world: borrowing Communicator) throws -> [[Double]]? {
        guard !plan.exactLevels.isEmpty else { return nil }
        let layers = model.layers, count = min(plan.exactWindows, windows)
        let own = Topology.share(of: count, part: world.rank, of: world.size)
        let sums = Buffer<Double>(count: plan.exactLevels.count * layers, repeating: 0)
        let measuring = LayerDivergences(stage: stage, activations: activations, pass: engine.pass(ofLayer:at:))
        for window in own {
            measuring.measure(batch(window), levels: plan.exactLevels, where: { _ in true }) { layer, divergences in
                for (i, own) in divergences.enumerated() { sums[i * layers + layer] += own.array.reduce(0, +) }
            }
        }
        try world.allreduce(sums, .sum)
        let tokens = Double(count * plan.context)
        return plan.exactLevels.indices.map { i in (0..<layers).map { sums[i * layers + $0] / tokens } }
    }

    /// Collective: weights, bases and losses as a checkpoint of rank 0's.
    ///
    /// - Throws: `AgreedError` for a file that cannot be written.
    func write(_ losses: CalibratedLosses, to path: String, on world: borrowing Communicator) throws {
        let source = try saved.source(on: world)
        try agreed(on: world) {
            guard world.rank == 0, let tokenizer = saved.tokenizer else { return }
            var run = saved.run
            var ranks = plan.ranks
            ranks.mode = FullAttention()
            run.ranks = ranks
            let weights = ParameterArray.weights(of: stage)
            var writer = try CheckpointWriter(
                path: path, step: saved.step, expectedBytes: weights.byteCount + engine.byteCount)
            try writer.write(
                RunRecord(
                    run: run, corpus: source, cursor: 0, seed: run.training.seed, tokenizerHash: tokenizer.hash),
                SavedTokenizer(tokenizer))
            try writer.write(weights)
            try writer.write(engine)
            try writer.write(losses.levels)
            if let forecast = losses.forecast { try writer.write(forecast) }
            _ = try writer.commit()
        }
    }
}
