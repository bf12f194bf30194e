import Foundation
import Kernels
import LowRank
import Model
import Synchronization
import Testing

/// Two segments and three levels: small enough to go through all that can happen.
@Suite struct PolicyLearningTests {
    private static let D = 4, K = 3, T = 2, L = 4
    private static let levels = [(1, 1), (1, 2), (2, 2)].map(EngineRun.level)
    private static let allowed = [true, true, true]

    private static func agent(
        entropyWeight: Double = 0, discount: Double = 0.7, update: AgentOptions.Update = .reinforce
    ) throws -> PolicyAgent {
        var options = AgentOptions()
        options.update = update
        options.entropyWeight = entropyWeight
        options.discount = discount
        let configuration = try ModelConfiguration(vocabularySize: 5, context: L, width: D, heads: 2, layers: 1)
        let agent = PolicyAgent(
            options, ranks: RankOptions(mode: .policy(options), levels: levels, segment: T),
            configuration: configuration, seed: 6, sequences: most, team: Team(threads: 1))
        // First weights are nearly indifferent; these are not.
        for parameter in agent.network.arena.layout.parameters where parameter.shape.count > 1 {
            for i in parameter.range { agent.network.arena.values[i] *= 3 }
        }
        return agent
    }

    /// Episodes that go through the network at once: memory for all would weigh on tests beside this one.
    private static let most = 250

    /// `count` episodes of one and the same text; their levels are still to be chosen.
    private static func state(_ count: Int) -> PolicyState {
        let text: [Float] = [0.3, -1, 0.2, 0.8, -0.5, 0.4, 1.1, -0.9, 0, 0.7, -0.2, 0.1, 0.5, 0.5, -1.4, 0.3]
        let x = Buffer((0..<count).flatMap { _ in text })
        let weight = Buffer((0..<(D * 3 * D)).map { Float($0 % 7) / 10 - 0.3 })
        let facts = LayerFacts(
            weight: Matrix(weight, rows: D, columns: 3 * D), AttentionShape(heads: 1, headWidth: D), depth: 0.5, shares: [(0.4, 0.5), (0.6, 0.8), (1, 1)],
            on: Team(threads: 1))
        let none = Buffer<Int32>(count: count * L, repeating: 0)
        let batch = MicroBatch(
            sequences: count, length: L, tokens: none, targets: none, samples: (0..<count).map { UInt64($0) })
        return PolicyState(
            Matrix(x, rows: count * L, columns: D), batch: batch, segment: T, layer: facts, on: Team(threads: 1))
    }

    /// The reward of a segment depends on its level and the one before.
    private static func rewards(_ first: Int, _ second: Int) -> [Double] {
        [[0.2, 1.0, -0.3][first], [[0.9, 0.1, 0.4], [-0.5, 0.3, 1.2], [0.6, -0.8, 0.0]][first][second]]
    }

    /// Episodes drawn from the policy, numbers `range` of the experiment.
    private static func draw(_ agent: PolicyAgent, _ range: Range<Int>, keepsEmbedding: Bool = true) -> Episodes {
        let state = state(range.count), generator = Philox(key: 77)
        var actions = Array(repeating: 0, count: 2 * range.count)
        var chances = Array(repeating: 0.0, count: 2 * range.count)
        let embedding = agent.network.unroll(state) { s, logits in
            range.indices.map { e in
                let i = e - range.lowerBound
                let chance = PolicyGradient.logProbabilities(
                    logits[(i * K)..<((i + 1) * K)].array.map(Double.init), allowed: allowed)
                let level = PolicyGradient.sample(chance, draw: generator.uniform(UInt32(s), UInt32(e)))
                actions[2 * i + s] = level
                chances[2 * i + s] = chance[level]
                return level
            }
        }
        let rewards = range.indices.flatMap { e -> [Double] in
            let i = e - range.lowerBound
            return Self.rewards(actions[2 * i], actions[2 * i + 1])
        }
        return Episodes(
            layer: 0, state: state, embedding: keepsEmbedding ? embedding : nil, allowed: allowed, actions: actions,
            logProbabilities: chances, rewards: rewards)
    }

    /// The estimate from `count` episodes shared out over `ranks` agents that are alike.
    private static func estimate(_ count: Int, ranks: Int) throws -> [Double] {
        let agents = try (0..<ranks).map { _ in try agent() }, results = Mutex<[[Double]]>([])
        ThreadSum.run(ranks) { rank in
            let agent = agents[rank.replica], end = count * (rank.replica + 1) / ranks
            let pieces = stride(from: count * rank.replica / ranks, to: end, by: most).map {
                draw(agent, $0..<min($0 + most, end))
            }
            let gradient = try? agent.gradient(of: pieces, with: rank)
            results.withLock { $0.append(gradient?.gradient.array.map(Double.init) ?? []) }
        }
        let all = results.withLock { $0 }
        #expect(all.count == ranks && all.allSatisfy { $0 == all[0] }, "every rank has the same gradient")
        return all[0]
    }

    /// Σ over all level sequences of their chance times what the estimator makes of them: advantages with the true mean of
    /// each segment for a baseline, over the true deviation. Per decision, as the estimator is.
    private static func enumerated() throws -> [Double] {
        let agent = try agent(), state = state(K * K), discount = 0.7
        for i in 0..<(K * K) { state.previous[2 * i + 1] = Int32(i / K + 1) }
        let trail = agent.network.forward(state)
        func chance(_ row: Int) -> [Double] {
            PolicyGradient.logProbabilities(trail.logits[(row * K)..<((row + 1) * K)].array.map(Double.init), allowed: allowed)
        }
        let weights = (0..<(K * K)).map { exp(chance(2 * $0)[$0 / K] + chance(2 * $0 + 1)[$0 % K]) }
        #expect(abs(weights.reduce(0, +) - 1) < 1e-5)
        let returns = (0..<(K * K)).map { PolicyGradient.returns(rewards($0 / K, $0 % K), discount: discount) }
        let means = (0..<2).map { s in zip(weights, returns).reduce(0) { $0 + $1.0 * $1.1[s] } }
        let variance = zip(weights, returns).reduce(0) { sum, pair in
            sum + pair.0 * (0..<2).reduce(0) { $0 + (pair.1[$1] - means[$1]) * (pair.1[$1] - means[$1]) } / 2
        }
        let slopes = Buffer<Float>(uninitialized: K * K * 2 * K)
        for i in 0..<(K * K) {
            for s in 0..<2 {
                let advantage = (returns[i][s] - means[s]) / variance.squareRoot()
                let slope = PolicyGradient.reinforce(
                    chance(2 * i + s), action: s == 0 ? i / K : i % K, advantage: advantage)
                for k in 0..<K { slopes[(2 * i + s) * K + k] = Float(weights[i] * slope[k] / 2) }
            }
        }
        agent.network.backward(trail, dlogits: slopes)
        return agent.network.arena.gradients.array.map(Double.init)
    }

    private static func distance(_ a: [Double], _ b: [Double]) -> Double {
        let norm = b.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot() / norm
    }

    /// 16 000 episodes: the sampling error is a few percent, and falls as 1/√n.
    @Test func theEstimatorsMeanIsTheGradient() throws {
        let exact = try Self.enumerated()
        let errors = try [1000, 4000].map { Self.distance(try Self.estimate($0, ranks: 1), exact) }
        let pooled = try Self.estimate(16_000, ranks: 4)
        let error = Self.distance(pooled, exact)
        print("policy gradient against enumeration: \(errors) with 1000 and 4000 episodes, \(error) with 16000")
        #expect(error < 0.05)
        #expect(errors[1] < 0.2 && error < errors[0])
    }

    /// The same episodes on 1, 2 and 4 ranks.
    @Test(arguments: [2, 4]) func ranksDoNotMatter(ranks: Int) throws {
        let alone = try Self.estimate(2000, ranks: 1), shared = try Self.estimate(2000, ranks: ranks)
        #expect(Self.distance(shared, alone) < 1e-5)
    }

    /// What choosing left serves the first update, whose parameters are still the same, and no later one.
    @Test(arguments: [AgentOptions.Update.reinforce, .ppo]) func keptEmbeddingsChangeNothing(update: AgentOptions.Update) throws {
        let parameters = try [false, true].map { keeps -> [Float] in
            let agent = try Self.agent(update: update)
            for step in 0..<2 {
                let episodes = Self.draw(agent, (64 * step)..<(64 * (step + 1)), keepsEmbedding: keeps)
                _ = try agent.learn(from: [episodes], with: NoPeers())
            }
            return agent.network.arena.values.array
        }
        let isSame = parameters[0] == parameters[1]
        #expect(isSame)
    }

    /// With everything learnt from one step's noise the policy would not get here.
    @Test(arguments: [AgentOptions.Update.reinforce, .ppo]) func learningFindsTheBestLevels(update: AgentOptions.Update) throws {
        var options = AgentOptions()
        options.update = update
        options.discount = 0.7
        let configuration = try ModelConfiguration(vocabularySize: 5, context: Self.L, width: Self.D, heads: 2, layers: 1)
        let agent = PolicyAgent(
            options, ranks: RankOptions(mode: .policy(options), levels: Self.levels, segment: Self.T),
            configuration: configuration, seed: 6, sequences: 64, team: Team(threads: 1))
        for step in 0..<150 {
            _ = try agent.learn(from: [Self.draw(agent, (64 * step)..<(64 * (step + 1)))], with: NoPeers())
        }
        let state = Self.state(1)
        var taken: [Int] = []
        agent.network.unroll(state) { _, logits in
            taken.append(PolicyGradient.greedy(logits.array.map(Double.init)))
            return [taken[taken.count - 1]]
        }
        // 1.0 now and 0.7 · 1.2 after it is the largest return.
        #expect(taken == [1, 2])
    }
}
