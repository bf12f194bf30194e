import Kernels
import Model
import Synchronization
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

// N layers of the model, D width, K levels, S segments; R rows looked at of one layer.

/// Teaches the forecast what its decisions lose, and finds the price at which they keep a budget: the policy by token on one
/// rank. Every rank has the same: gradients and counts are summed over all ranks before they are used.
///
/// A step that teaches runs full attention, forward and backward, with targets drawn from the model; some rows of each layer
/// are looked at, where the loss of every level is estimated (`LossEstimate`), and so every action's reward is known.
public final class TokenPolicyLearner: Sendable {
    /// Every how many rows of a sequence one is looked at.
    package static let lookEvery = 8
    /// Steps between those that teach, where the model learns too.
    static let lookEverySteps = 4
    /// Updates of Adam a step.
    private static let updates = 4
    private static let learningRate: Float = 3e-4
    /// Steps after which the rate has fallen to 1/√2.
    private static let slowing: Float = 20
    /// By what part of a budget's excess the price's logarithm rises. Near a budget of 0.6 on SmolLM2 a price e times as high
    /// executes a sixth less, so that half of an excess is gone after two or three steps.
    private static let ascent = 2.0

    private let known: CalibratedLosses
    private let forecast: LossForecast
    private let share: Double
    private let grain: Int
    private let options: RankOptions
    private let configuration: ModelConfiguration
    private let seed: UInt64
    private let team: Team
    /// Of prices found by the forecast's samples.
    private let multiplierKept: Buffer<Double>
    /// Steps that taught.
    private let progress: Buffer<Float>
    /// [N, D] root mean squares of what layers read; zeros until the first step. Weights are updated as those of inputs over
    /// these.
    private let magnitudes: Buffer<Float>
    /// By the forecast's samples, which learning leaves as they are.
    private let samplePrices = ByLength<LevelPrices>()
    /// What this rank has seen since the last step's end.
    private let memory = Mutex<[TokenLesson]>([])

    /// Nil where nothing forecasts.
    init?(_ known: CalibratedLosses, within share: Double, grain: Int, _ rank: AgentRank) {
        guard let forecast = known.forecast else { return nil }
        self.known = known
        self.forecast = forecast
        self.share = share
        self.grain = grain
        options = rank.options
        configuration = rank.configuration
        seed = rank.seed
        team = rank.team
        multiplierKept = Buffer(count: 1, repeating: 1)
        progress = Buffer(count: 1, repeating: 0)
        magnitudes = Buffer(count: rank.configuration.layers * rank.configuration.width, repeating: 0)
    }

    /// What the price that the forecast's samples lead to is multiplied with.
    public var multiplier: Double { multiplierKept[0] }

    /// What levels cost in sequences of `length`, as the multiplier stands.
    func prices(ofLength length: Int) -> LevelPrices {
        samplePrices.value(ofLength: length) {
            LevelPrices(known.levels, forecast, grain: grain, share: share, configuration, options, length: length)
        }.times(multiplier)
    }

    /// Sees full attention of this stage's layers in training step `step` and remembers what there is to learn.
    ///
    /// - Parameter bases: from layer `firstLayer` on.
    func observer(step: Int, bases: [AttentionBasis], firstLayer: Int) -> AttentionObserver {
        guard let exact = options.exact else { preconditionFailure("a policy by token without exact tokens") }
        let estimate = LossEstimate(
            configuration.layer.attention, levels: known.levels.levels, exact: exact, segment: options.segment, team: team)
        let draw = RowDraw(every: Self.lookEvery, seed: seed, pass: UInt64(step))
        return { [self] seen in
            let losses = estimate.losses(
                of: seen, basis: bases[seen.layer - firstLayer], rows: draw.rows(of: seen.batch, layer: seen.layer), scale: 1)
            remember(TokenLesson(losses, of: seen, exact: exact, segment: options.segment, grain: grain))
        }
    }

    package func remember(_ lesson: TokenLesson) { memory.withLock { $0.append(lesson) } }

    /// Collective: learns from what all ranks remember of the step; nothing where none does.
    ///
    /// - Throws: what `peers` throw.
    package func learn(with peers: some Peers) throws -> PolicyReport? {
        let lessons = memory.withLock { memory in
            defer { memory = [] }
            return memory
        }
        let N = configuration.layers, length = configuration.context
        let far = Buffer<Double>(count: N, repeating: 0)
        for lesson in lessons { far[lesson.layer] += Double(lesson.isFar.count { $0 }) }
        try peers.sum(far)
        guard far.array.contains(where: { $0 > 0 }) else { return nil }
        if progress[0] == 0 { try findMagnitudes(lessons, with: peers) }
        let prices = prices(ofLength: length), inverses = Buffer(magnitudes.array.map { 1 / $0 })
        let scaled = lessons.map { $0.scaled(by: part(of: inverses, ofLayer: $0.layer), on: team) }
        scaleWeights(by: magnitudes)
        // Reward, entropy; FLOPs and rows.
        let sums = Buffer<Double>(count: 4, repeating: 0)
        for update in 0..<Self.updates {
            for lesson in scaled {
                let told = addGradients(lesson, scale: 1 / max(far[lesson.layer], 1), prices)
                guard update == 0 else { continue }
                sums[0] += told.reward
                sums[1] += told.entropy
                sums[2] += told.flops
                sums[3] += Double(lesson.rows)
            }
            let rate = Self.learningRate / (1 + progress[0] / Self.slowing).squareRoot()
            for layer in forecast.layers {
                try peers.sum(layer.arena.gradients)
                LossForecast.optimizer.update(
                    layer.arena, step: Int(progress[0]) * Self.updates + update + 1, learningRate: rate, gradientScale: 1,
                    on: team)
            }
        }
        scaleWeights(by: inverses)
        progress[0] += 1
        try peers.sum(sums)
        let rows = far.array.reduce(0, +)
        let executed = configuration.shareOfScoresAndValues(sums[2] / sums[3] * Double(length), length: length)
            + configuration.share(ofForecast: forecast, grain: grain, length: length)
        multiplierKept[0] *= exp(Self.ascent * (executed - share) / share)
        return PolicyReport(
            reward: sums[0] / rows, entropy: sums[1] / rows, executedShare: executed, priceMultiplier: multiplier)
    }

    /// Adds the gradients of one lesson; returns the sums of rewards and entropies over rows with far keys, and of the FLOPs
    /// of all rows at their best levels.
    private func addGradients(
        _ lesson: TokenLesson, scale: Double, _ prices: LevelPrices
    ) -> (reward: Double, entropy: Double, flops: Double) {
        let own = forecast.layers[lesson.layer], K = known.levels.levels.count, means = known.levels.nats[lesson.layer]
        let x = Matrix(lesson.inputs, rows: lesson.rows, columns: configuration.width)
        let pass = own.forward(x, on: team), dz = Buffer<Float>(count: lesson.rows * K, repeating: 0)
        let teaching = prices.flops.map { flops in
            ExpectedReward(means: means, costs: flops.map { $0 * prices.price })
        }
        var sums = (reward: 0.0, entropy: 0.0, flops: 0.0)
        for row in 0..<lesson.rows {
            let place = (row * K)..<((row + 1) * K), segment = lesson.segments[row]
            let z = pass.z[place]
            let best = prices.cheapest(means, Buffer(z.array.map(LossForecast.factor)), segment: segment)
            sums.flops += prices.flops[segment][best]
            guard lesson.isFar[row] else { continue }
            let told = teaching[segment].lesson(z.array.map(Double.init), losses: lesson.losses[place].array.map(Double.init))
            sums.reward += told.reward
            sums.entropy += told.entropy
            for k in 0..<K { dz[row * K + k] = Float(told.slope[k] * scale) }
        }
        own.backward(pass, x: x, dz: dz, on: team)
        return sums
    }

    /// A layer's of N D numbers.
    private func part(of numbers: Buffer<Float>, ofLayer layer: Int) -> Buffer<Float> {
        numbers[(layer * configuration.width)..<((layer + 1) * configuration.width)]
    }

    /// Multiplies the rows of all layers' first weights, [N, D].
    private func scaleWeights(by factors: Buffer<Float>) {
        for (layer, own) in forecast.layers.enumerated() {
            let weight = own.input.weight, factors = part(of: factors, ofLayer: layer)
            for c in 0..<weight.rows {
                for i in 0..<weight.columns { weight.pointer[c * weight.stride + i] *= factors[c] }
            }
        }
    }

    /// Those of the rows of this step, over all ranks.
    private func findMagnitudes(_ lessons: [TokenLesson], with peers: some Peers) throws {
        let D = configuration.width, N = configuration.layers
        let squares = Buffer<Double>(count: N * (D + 1), repeating: 0)
        for lesson in lessons {
            squares[N * D + lesson.layer] += Double(lesson.rows)
            for i in 0..<lesson.inputs.count {
                squares[lesson.layer * D + i % D] += Double(lesson.inputs[i]) * Double(lesson.inputs[i])
            }
        }
        try peers.sum(squares)
        for place in 0..<(N * D) {
            // A column that is always 0 says nothing.
            magnitudes[place] = Float(max((squares[place] / max(squares[N * D + place / D], 1)).squareRoot(), 1e-6))
        }
    }
}

/// What a checkpoint holds of it beside the forecast: `/policy/token/…`.
extension TokenPolicyLearner: Persistent {
    public var noun: String { "what trains the policy by token" }
    public var mayBeAbsent: Bool { true }

    /// Adam's moments `m/input_weight` and so on, [N, …]; `magnitudes` [N, D]; `multiplier` and `progress`.
    public var entries: [PersistentEntry] {
        forecast.entries("/policy/token/m/", \.firstMoment) + forecast.entries("/policy/token/v/", \.secondMoment) + [
            PersistentEntry("/policy/token/magnitudes", [configuration.layers, configuration.width], [magnitudes]),
            PersistentEntry("/policy/token/multiplier", [1], [multiplierKept]),
            PersistentEntry("/policy/token/progress", [1], [progress]),
        ]
    }
}
