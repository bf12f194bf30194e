import Communicator
import Corpus
import Kernels
import LowRank
import Model
import Options

/// One MPI rank at work: its replica's share of the batch through its stage's share of the layers.
public final class Worker {
    /// Its communicators.
    public let grid: Grid
    /// The whole model's shape.
    public let configuration: ModelConfiguration
    /// How it is trained.
    public let options: TrainingOptions
    /// Its share of the layers.
    public let stage: TransformerStage
    /// Bases and levels of this stage's layers.
    public let ranks: RankEngine
    let source: BatchSource
    let pipeline: Pipeline
    private let exchange: GradientExchange
    let team: Team

    /// Steps taken so far.
    public internal(set) var step = 0
    /// Samples consumed so far: the data cursor.
    public internal(set) var cursor = 0
    /// What traced steps decided, on rank 0; empty elsewhere.
    public internal(set) var trace: RankTrace
    let traceEvery: Int

    /// Makes a rank's part of the model, with its initial weights.
    ///
    /// - Parameters:
    ///   - traceEvery: steps between rows of `trace`; 0 for none.
    ///   - adapter: what learns in place of the weights; nil for these.
    /// - Throws: `ConfigurationError` when the batch has fewer sequences than there are replicas, or there are more stages
    ///   than layers; `LevelError` for levels that are not nested or exceed the head width.
    public init(
        grid: Grid, configuration: ModelConfiguration, options: TrainingOptions, ranks: RankOptions,
        source: BatchSource, team: Team, traceEvery: Int = 0, adapter: PlacedAdapter? = nil
    ) throws {
        let topology = grid.topology
        guard options.batch >= topology.replicas else {
            throw ConfigurationError(
                "\(option: "batch") \(options.batch) is less than one sequence for each of \(topology.replicas) replicas; "
                    + "use \(option: "batch") \(topology.replicas) or more, or fewer ranks")
        }
        guard options.microBatch >= 1 else {
            throw ConfigurationError("\(option: "micro-batch") is \(options.microBatch); it must be at least 1")
        }
        self.grid = grid
        self.configuration = configuration
        self.options = options
        self.source = source
        self.team = team
        let placement = try StagePlacement.split(configuration, stages: topology.stages)[topology.stage]
        let share = Topology.share(of: options.batch, part: topology.replica, of: topology.replicas).count
        let sequences = min(options.microBatch, share)
        stage = TransformerStage(
            configuration, placement: placement, rows: sequences * configuration.context, team: team,
            attention: ranks.attentionKind(seed: options.seed), adapter: adapter)
        stage.parameters.initialize(seed: options.seed)
        stage.adapters?.arena.initialize(seed: options.seed)
        pipeline = Pipeline(grid: grid, stage: stage, microBatches: (share + sequences - 1) / sequences)
        let largest = min(options.microBatch, (options.batch + topology.replicas - 1) / topology.replicas)
        exchange = GradientExchange(
            grid: grid, arena: stage.learnt, configuration: configuration, rows: largest * configuration.context)
        var upkeeping = RankEngine.UpkeepOptions()
        upkeeping.bases = options.bases
        self.ranks = try RankEngine(
            configuration, layers: placement.layers, options: ranks, seed: options.seed, team: team,
            upkeeping: upkeeping, sequences: sequences, now: monotonicSeconds)
        self.traceEvery = traceEvery
        trace = RankTrace(layers: configuration.layers, segments: ranks.segments(of: configuration.context))
    }

    /// Collective: one optimizer step on the next batch; where the model is frozen, a forward pass that the policy learns
    /// from.
    ///
    /// - Parameter stopRequest: number of the signal that asked this rank to stop; 0 for none.
    /// - Throws: `NonFiniteError` on every rank before the update, and `MPIError`.
    public func trainStep(stopRequest: Int32 = 0) throws -> StepReport {
        let start = monotonicSeconds()
        let number = step + 1
        team.flops.reset()
        _ = ranks.overhead.take()
        let lowRank = ranks.trainingPass(step: number, of: stage, lossScale: lossScale)
        do {
            let learnt = try options.freezesModel ? read(lowRank, step: number) : learn(lowRank, step: number)
            let looked = try ranks.look(inStep: number, isFrozen: options.freezesModel).map(show) ?? LookFLOPs()
            try ranks.endStep(number, with: grid)
            try recordTrace(number)
            var own = attentionMetrics(number, looked)
            own[.exposedSeconds] = exchange.exposedSeconds
            own[.seconds] = monotonicSeconds() - start
            let overhead = ranks.overhead.take()
            if !(ranks.options.mode is FullAttention) { own[.overheadSeconds] = overhead }
            var metrics = try learnt.merging(own.reduced(over: grid.world))
            if let flops = metrics[.attentionFLOPs] { metrics[.attentionFLOPsSaved] = 1 - flops / fullAttentionFLOPs }
            let stop = try grid.world.allreduce(stopRequest, .max)
            step = number
            cursor += options.batch
            return StepReport(step: number, metrics: metrics, stopRequest: stop)
        } catch {
            pipeline.abandon()
            exchange.abandon()
            throw error
        }
    }

    /// Forward and backward passes, exchange of gradients, clipping, update. Returns loss, gradient norm and learning rate.
    private func learn(_ lowRank: LowRankPass, step number: Int) throws -> MetricValues {
        let dropout = Dropout(
            rate: configuration.dropout, adapterRate: stage.adapters?.placed.configuration.dropout ?? 0, seed: options.seed,
            step: number)
        let batches = microBatches()
        let nll = try pipeline.train(
            batches, dropout: dropout, lowRank: lowRank, scale: lossScale, keepsTokenRows: exchange.keepsTokenRows
        ) { part in
            switch part {
            case .head: try exchange.startHead()
            case .layer(let layer):
                stage.unfold(lowRank, layer: layer)
                try exchange.start(layer: layer)
            case .rest: try exchange.startRest(batches[batches.count - 1], dx: stage.streamGradient)
            }
        }
        try exchange.finish(on: team)
        var own = lossPart(nll)
        own[.gradientNorm] = squaresOwned()
        own[.learningRate] = Double(options.learningRate[number])
        let metrics = try own.reduced(over: grid.world)
        let norm = metrics[.gradientNorm] ?? .nan, rate = options.learningRate[number]
        try requireFinite(metrics, ownLoss: nll, step: number)
        // The same small constant as in PyTorch's clip_grad_norm_.
        let clip = options.clip > 0 ? min(1, Double(options.clip) / (norm + 1e-6)) : 1
        options.optimizer.update(
            stage.learnt, reduced: exchange.gradients, step: number, learningRate: rate,
            gradientScale: Float(clip), on: team)
        return metrics
    }

    /// What the sum of the loss over targets is multiplied with: it makes a mean over the batch.
    private var lossScale: Float { 1 / Float(options.batch * configuration.context) }

    /// One rank's part of the mean loss: the last stage of each replica has its sequences'.
    private func lossPart(_ nll: Double) -> MetricValues {
        var own = MetricValues()
        own.record(
            .loss, sum: nll, over: grid.topology.isLastStage ? Double(share.count * configuration.context) : 0)
        return own
    }

    /// Forward passes alone. Returns the loss; there is no gradient, and the rate is 0.
    private func read(_ lowRank: LowRankPass, step number: Int) throws -> MetricValues {
        let nll = Buffer<Double>(count: stage.capacity, repeating: 0)
        var own = 0.0
        for batch in microBatches() {
            try pipeline.evaluate(batch, lowRank: lowRank, into: nll)
            own += nll[0..<batch.rows].array.reduce(0, +)
        }
        if !grid.topology.isLastStage { own = 0 }
        var part = lossPart(own)
        part[.gradientNorm] = 0
        part[.learningRate] = 0
        let metrics = try part.reduced(over: grid.world)
        try requireFinite(metrics, ownLoss: own, step: number)
        return metrics
    }

    /// What attention executed in passes for a policy that learns from full attention, and the policy's part of it.
    private struct LookFLOPs {
        var attention = 0.0, policy = 0.0
    }

    /// Full attention on the batch, forward and backward, for whoever watches; nothing is learnt from the weights' gradients.
    private func show(_ look: RankEngine.Look) throws -> LookFLOPs {
        let before = attentionFLOPs, policy = team.flops[.policy]
        _ = try pipeline.train(
            microBatches(), dropout: nil, lowRank: .full, scale: 1, keepsTokenRows: false, look: look
        ) { _ in }
        stage.learnt.gradients.fill(0)
        return LookFLOPs(attention: attentionFLOPs - before, policy: Double(team.flops[.policy] - policy))
    }

    /// The epoch that the next sample belongs to.
    public var epoch: Int { source.epoch(of: cursor) }

    /// This rank's part of what attention ran at and executed since the counters were reset; nothing where it is full.
    private func attentionMetrics(_ number: Int, _ looked: LookFLOPs) -> MetricValues {
        var own = MetricValues()
        if ranks.options.mode is FullAttention { return own }
        let flops = team.flops
        own[.attentionFLOPs] = attentionFLOPs - looked.attention
        if ranks.tokenPolicy != nil { own[.lookFLOPs] = looked.attention }
        own[.upkeepFLOPs] = Double(flops[.upkeep])
        if ranks.namesLevels {
            // Every sequence has as many segments in every layer; replicas may differ in sequences.
            let mean = ranks.meanRanks, count = Double(stage.placement.layers.count * share.count)
            own.record(.scoreRank, sum: mean.score * count, over: count)
            own.record(.valueRank, sum: mean.value * count, over: count)
        }
        own.record(ranks.upkeep, looked: ranks.looksAtBases(inStep: number))
        own.record(ranks.policyReport, flops)
        own[.policyFLOPs]? -= looked.policy
        return own
    }

    private var attentionFLOPs: Double { FlopKind.attention.reduce(0) { $0 + Double(team.flops[$1]) } }

    /// What projections, scores and values of full attention would execute in a step, in the same tiles.
    private var fullAttentionFLOPs: Double {
        options.freezesModel
            ? configuration.fullAttentionForwardFLOPs(sequences: options.batch, length: configuration.context)
            : configuration.fullAttentionFLOPs(sequences: options.batch, length: configuration.context)
    }

    /// This replica's sequences of the batch.
    private var share: Range<Int> {
        Topology.share(of: options.batch, part: grid.topology.replica, of: grid.topology.replicas)
    }

    /// This replica's share of the batch, in micro-batches.
    func microBatches() -> [MicroBatch] {
        let share = share
        return stride(from: share.lowerBound, to: share.upperBound, by: options.microBatch).map { first in
            source.microBatch(
                first: cursor + first, count: min(options.microBatch, share.upperBound - first))
        }
    }

    /// Σ gradient² over this replica's share of what its stage holds, the shared embedding on the first stage only.
    private func squaresOwned() -> Double {
        let topology = grid.topology
        var total = 0.0
        for parameter in stage.learnt.layout.parameters
        where parameter.spec.place != .embeddingAndHead || topology.isFirstStage {
            let share = Topology.share(of: parameter.range.count, part: topology.replica, of: topology.replicas)
            total += sumOfSquares(exchange.gradients[parameter.range][share], on: team)
        }
        return total
    }

    /// Collective where something is not finite: finds the lowest rank it came from.
    private func requireFinite(_ metrics: MetricValues, ownLoss: Double, step: Int) throws {
        if [.loss, .gradientNorm].allSatisfy({ metrics[$0]?.isFinite == true }) { return }
        // Each rank's own gradients are still there, apart from the sums.
        let ownGradient = sumOfSquares(stage.learnt.gradients, on: team)
        let code: Int32 = !ownLoss.isFinite ? 1 : !ownGradient.isFinite ? 2 : 0
        let rank = Int32(grid.topology.rank)
        let culprit = try grid.world.allreduce(code == 0 ? Int32(grid.world.size) : rank, .min)
        // Finite parts may overflow in the sum alone; then the sum is at fault and rank 0 holds it.
        let known = Int(culprit) < grid.world.size
        let what = try grid.world.broadcast(code, root: known ? Int(culprit) : 0)
        throw NonFiniteError(
            step: step,
            what: (!known ? "the sum of the gradients" : what == 1 ? "the loss" : "the gradient")
                + " on rank \(known ? culprit : 0)", isUpdated: false)
    }
}
