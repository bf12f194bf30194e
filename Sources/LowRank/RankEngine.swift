import Kernels
import LinearAlgebra
import Model

/// Attention below full rank on one stage, from step to step: Grams of what its heads see, bases that follow them, and
/// the choice of levels.
///
/// A step uses the bases that earlier steps left, and gathers Grams for later ones. Until there are bases attention is full.
public final class RankEngine {
    /// How Grams and bases are kept.
    public struct UpkeepOptions: Sendable {
        /// Whether they move at all.
        public var bases = BasisUpkeep.tracked
        /// Every how many rows of an activation one enters the Grams.
        public var sampleEvery = 16
        /// What remains of the Grams after a step.
        public var decay = 0.95
        /// Steps between looks at the bases.
        public var trackEvery = 8
        /// How evaluation passes refine bases, where `RankOptions.basis` asks for it.
        public var refinement = Refinement()

        public init() {}
    }

    public let options: RankOptions
    /// What upkeep of the bases did at the end of the last step, on this rank.
    public private(set) var upkeep = Upkeep()
    /// Times what goes on beside attention itself: Grams, bases and their folding, policy and guard.
    public let overhead: Stopwatch
    /// What the policy learnt in the last step; nil where no policy decides.
    public private(set) var policyReport: PolicyReport?
    /// The policy and what trains it, where it decides.
    public let agent: PolicyAgent?
    /// Mean score rank and value rank over the segments of the pass last made, all layers of the stage; d where full.
    public var meanRanks: (score: Double, value: Double) { tally.meanRanks }
    /// What the pass last made decided, among zeros for the layers of other stages.
    public var traceSums: TraceSums { tally.ofAllLayers }
    /// Whether the strategy names levels, which a trace then holds.
    public var namesLevels: Bool { !folded.isEmpty }

    /// What levels lose in the model, where it is known.
    public var calibrated: CalibratedLosses? {
        didSet { tokenPolicy = calibrated.flatMap { options.strategy?.makeTokenPolicy($0, agentRank) } }
    }
    /// The policy by token and what trains it, where it decides and `calibrated` is known.
    public private(set) var tokenPolicy: TokenPolicyLearner?
    private let agentRank: AgentRank

    let configuration: ModelConfiguration
    let layers: Range<Int>
    private let seed: UInt64
    let team: Team
    private let upkeeping: UpkeepOptions
    let tracker: BasisTracker
    let resident: ResidentBases
    let gathered: GramSet
    let attention: [AttentionBasis]
    let folded: [FoldedAttention]
    private let tally: TraceTally
    let now: @Sendable () -> Double

    /// For the layers of one stage; `now` gives seconds for `upkeep`, and `sequences` are those of the largest micro-batch
    /// that a policy learns from.
    ///
    /// - Parameter resident: Grams and bases of these layers to start with, whose memory it takes; none unless given.
    /// - Throws: `LevelError` where the levels are not nested or exceed the head width, fixed ones are neither one nor one a
    ///   layer, or segments are empty.
    public init(
        _ configuration: ModelConfiguration, layers: Range<Int>, options: RankOptions, seed: UInt64, team: Team,
        upkeeping: UpkeepOptions = UpkeepOptions(), sequences: Int = 1, resident: ResidentBases? = nil,
        now: @escaping @Sendable () -> Double
    ) throws(LevelError) {
        let d = configuration.headWidth, G = configuration.keyValueHeads
        try options.check(configuration)
        self.configuration = configuration
        self.layers = layers
        self.options = options
        self.seed = seed
        self.team = team
        self.upkeeping = upkeeping
        self.now = now
        overhead = Stopwatch(now)
        tracker = BasisTracker(
            levels: options.levels, options: TrackingOptions(centresKeys: true, values: options.values))
        agentRank = AgentRank(options: options, configuration: configuration, seed: seed, sequences: sequences, team: team)
        agent = options.strategy?.makeAgent(agentRank)
        tally = TraceTally(configuration, layers: layers, options: options)
        self.resident = resident ?? ResidentBases(configuration, layers: layers)
        gathered = GramSet(layers: layers.count, heads: G, headWidth: d)
        let attention = layers.map { _ in AttentionBasis.identity(heads: G, headWidth: d) }
        self.attention = attention
        folded = !options.namesLevels
            ? [] : zip(layers, attention).map {
                FoldedAttention(
                    configuration, levels: options.packedLevels(ofLayer: $0, headWidth: d), basis: $1,
                    precision: team.precision)
            }
        useBases()
    }

    var grams: GramSet { resident.grams }
    var bases: BasisSet { resident.bases }

    /// Whether there are bases; no run has any before its first step, but one that starts from a calibrated checkpoint.
    public var hasBases: Bool { resident.areMade }

    /// Whether attention runs below full rank: there are bases, and the strategy wants them.
    public var isReducing: Bool { !folded.isEmpty && hasBases }

    /// The pass of training step `step` of `stage`, which also gathers Grams where bases are tracked; a policy draws its levels
    /// and learns.
    ///
    /// - Parameter lossScale: what the loss is multiplied with in the backward pass.
    public func trainingPass(step: Int, of stage: TransformerStage, lossScale: Float = 1) -> LowRankPass {
        pass(step: step, of: stage, isTraining: true, lossScale: lossScale)
    }

    /// A pass that gathers nothing; a policy takes the level that it finds likeliest.
    public func evaluationPass(of stage: TransformerStage) -> LowRankPass {
        pass(step: 0, of: stage, isTraining: false)
    }

    private func pass(
        step: Int, of stage: TransformerStage, isTraining: Bool, lossScale: Float = 1
    ) -> LowRankPass {
        tally.reset()
        let spectra = spectra, isGathering = isTraining && upkeeping.bases == .tracked
        let choose = overhead.time { isReducing ? chooser(spectra, step: step, of: stage, isTraining: isTraining) : nil }
        return LowRankPass(
            layers: folded, observe: isGathering ? observer(step: step) : nil,
            observeGradient: isGathering && weighsLoss ? gradientObserver(step: step, lossScale: lossScale) : nil,
            refine: isTraining ? nil : refinement, bounds: bounds, timing: { [overhead] work in overhead.time(work) }
        ) { [tally, layers, overhead] input, batch in
            guard let decisions = overhead.time({ choose?(input, batch) }) else { return nil }
            tally.add(
                decisions.levels, logProbabilities: decisions.logProbabilities, layer: input.layer, batch: batch,
                perturbation: spectra[input.layer - layers.lowerBound].relativePerturbation)
            guard let measure = decisions.measureRewards else { return ChosenLevels(decisions.levels) }
            return ChosenLevels(decisions.levels) { output in
                let rewards = overhead.time { measure(output) }
                tally.add(rewards: rewards, layer: input.layer, batch: batch)
            }
        }
    }

    /// What watches full attention in training step `step` for a policy that learns from it; nil where none does.
    ///
    /// - Parameter isFrozen: whether the policy alone learns, and then from every step.
    public func look(inStep step: Int, isFrozen: Bool) -> Look? {
        guard let tokenPolicy, isReducing, isFrozen || step % TokenPolicyLearner.lookEverySteps == 0 else { return nil }
        let observer = tokenPolicy.observer(step: step, bases: attention, firstLayer: layers.lowerBound)
        return Look(
            draw: TargetDraw(seed: seed, pass: UInt64(step)), observer: { [overhead] seen in overhead.time { observer(seen) } })
    }

    /// A pass at full attention whose targets are drawn from the model, for the sake of whoever watches.
    public struct Look: Sendable {
        public let draw: TargetDraw
        public let observer: AttentionObserver
    }

    /// Of the levels that the strategy may name.
    private var bounds: LevelBounds? {
        options.strategy.map { strategy in
            LevelBounds(
                largest: layers.map(options.largestLevel), followText: type(of: strategy).followsText)
        }
    }

    private var refinement: LowRankPass.Refinement? {
        guard options.basis == .online, isReducing else { return nil }
        let online = OnlineBases(
            refinement: upkeeping.refinement, segment: options.segment, resident: grams, firstLayer: layers.lowerBound,
            team: team)
        return { [overhead] input in overhead.time { online.epochs(input) } }
    }

    /// By layer of the stage, as the bases stand.
    private var spectra: [LayerSpectra] { attention.indices.map { LayerSpectra(bases.layer($0)) } }

    /// What names the levels of a pass; nil where none is named.
    private func chooser(
        _ spectra: [LayerSpectra], step: Int, of stage: TransformerStage, isTraining: Bool
    ) -> LevelChooser? {
        let rows = max(1, options.segment / upkeeping.sampleEvery), shape = configuration.layer.attention
        let upkeep = 2 * rows * configuration.width * shape.columns + UpkeepFLOPs.gram(rows: rows, shape)
        return options.strategy?.chooser(for: LevelPass(
            options: options, spectra: spectra, firstLayer: layers.lowerBound, seed: seed, step: step,
            isTraining: isTraining, agent: agent, tokenPolicy: tokenPolicy,
            rewardModel: { self.rewardModel($0, spectra, step: step) },
            layerFacts: { self.layerFacts(spectra, stage) }, upkeepFLOPs: upkeep, configuration: configuration,
            calibrated: calibrated, team: team))
    }

    /// Whether the strategy knows what it needs to name levels in sequences of `length`.
    ///
    /// - Throws: `LevelError` where it does not.
    public func requireLevels(length: Int) throws(LevelError) {
        try options.strategy?.check(calibrated, configuration, options, length: length)
    }

    /// The dearest level of the list with which all layers execute at most `share` of full attention's scores and values; nil
    /// where none does.
    public func dearestLevel(within share: Double, length: Int) -> Level? {
        let budget = configuration.budgetFLOPs(share: share, length: length)
        return options.levels.last { configuration.forwardFLOPs(at: $0, options, length: length) <= budget }
    }

    /// The largest share of energy to keep (Eq. 15) with which the energy rule executes at most `share` of full attention's
    /// scores and values; nil where its cheapest levels take more. On an engine of all layers.
    public func energyShare(within share: Double, length: Int) -> Double? {
        let costs = options.levels.map { configuration.forwardFLOPs(at: $0, options, length: length) }
        let budget = configuration.budgetFLOPs(share: share, length: length) * Double(layers.count), spectra = spectra
        func fits(_ kept: Double) -> Bool {
            spectra.reduce(0) { $0 + costs[$1.smallest(of: options.levels, reaching: kept)] } <= budget
        }
        guard fits(0) else { return nil }
        var low = 0.0, high = 1.0
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if fits(middle) { low = middle } else { high = middle }
        }
        return low
    }

    private func layerFacts(_ spectra: [LayerSpectra], _ stage: TransformerStage) -> [LayerFacts] {
        LayerFacts.ofLayers(
            layers.map { stage.attentionMap(layer: $0).weight }, configuration.layer.attention,
            depths: layers.map { (Double($0) + 0.5) / Double(configuration.layers) },
            shares: spectra.map { options.levels.map($0.energyRatios) }, on: team)
    }

    private func rewardModel(_ weights: RewardWeights, _ spectra: [LayerSpectra], step: Int) -> RewardModel {
        RewardModel(
            configuration: configuration, options: options, weights: weights,
            layers: zip(attention, spectra).map { basis, spectra in
                RewardModel.Layer(
                    meter: RewardMeter(
                        configuration.layer.attention, width: configuration.width, basis: basis, team: team.solo),
                    perturbations: options.levels.map(spectra.relativePerturbation))
            },
            firstLayer: layers.lowerBound,
            generator: Philox(key: seed).derived(number: UInt64(step), purpose: RandomPurpose.rewardRows))
    }

    /// Whether value bases go on weighing what the loss weighs: Grams of gradients are there, from calibration, and must move
    /// on with those of values.
    private var weighsLoss: Bool { options.values == .loss && resident.knowLoss }

    /// Adds the Grams of every `sampleEvery`-th position of each sequence: its queries, keys and values at full width.
    private func observer(step: Int) -> LowRankPass.Observer {
        let first = layers.lowerBound, sample = RowSample(every: upkeeping.sampleEvery, step: step)
        return { [gathered, team, overhead] input, batch in
            overhead.time {
                let x = sample.rows(of: input.x, batch), shape = input.shape
                let qkv = input.projected(
                    x, sequences: batch.sequences, from: sample.first(batch), step: sample.every, as: .upkeep, on: team)
                gathered.accumulate(qkv, rows: x.rows, layer: input.layer - first, shape, on: team)
                team.flops.add(UpkeepFLOPs.gram(rows: x.rows, shape), .upkeep)
            }
        }
    }

    /// Adds the Grams of the gradients of the heads' outputs at the same positions.
    private func gradientObserver(step: Int, lossScale: Float) -> LowRankPass.GradientObserver {
        let first = layers.lowerBound, sample = RowSample(every: upkeeping.sampleEvery, step: step)
        return { [gathered, team, overhead] branch, batch in
            overhead.time {
                let dbranch = sample.rows(of: branch.gradient, batch), shape = branch.shape
                let dout = branch.ofOutputs(dbranch, as: .upkeep, on: team)
                gathered.accumulate(
                    outputGradients: dout, times: 1 / Double(lossScale), rows: dbranch.rows, layer: branch.layer - first,
                    shape, on: team)
                team.flops.add(UpkeepFLOPs.outputGram(rows: dbranch.rows, shape), .upkeep)
            }
        }
    }

    /// Collective: ends training step `step`. Grams move on by what all replicas of the stage gathered and, every few steps,
    /// bases. A policy learns from what all ranks decided.
    ///
    /// - Throws: what `peers` throw, and `LAPACKError`.
    public func endStep(_ step: Int, with peers: some Peers) throws {
        try overhead.time { try advance(step, with: peers) }
    }

    /// Whether training step `step` ends with a look at the bases; the same on every rank.
    public func looksAtBases(inStep step: Int) -> Bool {
        upkeeping.bases == .tracked && (step == 1 || step % upkeeping.trackEvery == 0)
    }

    private func advance(_ step: Int, with peers: some Peers) throws {
        policyReport = try agent?.learn(with: peers) ?? tokenPolicy?.learn(with: peers)
        upkeep = Upkeep()
        guard upkeeping.bases == .tracked else { return }
        try peers.sumOverReplicas(gathered.values)
        grams.average(adding: gathered, decay: upkeeping.decay)
        gathered.values.fill(0)
        guard looksAtBases(inStep: step) else { return }
        try track(with: peers)
        team.flops.add(upkeep.checkFLOPs + upkeep.iterationFLOPs + upkeep.decompositionFLOPs, .upkeep)
        useBases()
    }

    /// All replicas have the same Grams; each brings its share of the bases up to date for all.
    private func track(with peers: some Peers) throws {
        let count = bases.layers * bases.heads, size = bases.values.count / count
        let own = (count * peers.replica / peers.replicas)..<(count * (peers.replica + 1) / peers.replicas)
        upkeep = try tracker.update(bases, own, to: grams, on: team, now: now)
        guard peers.replicas > 1 else { return }
        bases.values[0..<(own.lowerBound * size)].fill(0)
        bases.values[(own.upperBound * size)..<bases.values.count].fill(0)
        try peers.sumOverReplicas(bases.values)
    }

    private func useBases() {
        let d = configuration.headWidth
        for (i, own) in attention.enumerated() {
            for (h, head) in bases.layer(i).enumerated() where !head.isEmpty {
                for (from, to) in [
                    (head.query, own.query), (head.key, own.key), (head.value, own.value), (head.output, own.output),
                ] {
                    for j in 0..<(d * d) { to[h * d * d + j] = Float(from.values[j]) }
                }
                for j in 0..<d { own.keyMean[h * d + j] = Float(head.keyMean[j]) }
            }
        }
    }
}

/// Grams and bases are what a checkpoint keeps of the engine itself.
extension RankEngine: Persistent {
    public var noun: String { resident.noun }
    public var mayBeAbsent: Bool { resident.mayBeAbsent }
    public var entries: [PersistentEntry] { resident.entries }
    public func adopt() {
        resident.adopt()
        useBases()
    }

    /// All that a checkpoint keeps of attention below full rank in arrays: Grams and bases, the policy where one decides, and
    /// the forecast of what levels lose where there is one, with what trains it.
    public var parts: [any Persistent] {
        [self] + (agent.map { [$0] } ?? []) + (calibrated?.forecast.map { [$0] } ?? [])
            + (tokenPolicy.map { [$0] } ?? [])
    }
}
