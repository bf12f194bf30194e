import Kernels
import LowRank
import Model
import Testing

/// Layers whose queries, keys and values span so many dimensions and no more: below that much is lost, above it nothing is
/// gained but FLOPs.
@Suite struct PlantedSpectraTests {
    private static let planted = [4, 1, 8, 2]
    private static let levels = [(1, 1), (2, 2), (4, 4), (8, 8)].map(EngineRun.level)

    private static func options() -> RankOptions {
        var agent = AgentOptions()
        agent.reward = RewardWeights(alpha: 1, beta: 0.2, gamma: 0.1)
        return RankOptions(mode: .policy(agent), levels: levels, segment: 8)
    }

    /// Zeroes the columns of each head's queries, keys and values beyond the layer's rank.
    private static func plant(_ run: EngineRun) {
        let D = run.configuration.width, d = run.configuration.headWidth
        for (layer, rank) in planted.enumerated() {
            let weight = run.stage.attentionMap(layer: layer).weight
            for column in 0..<(3 * D) where column % d >= rank { weight.columns(column..<(column + 1)).fill(0) }
        }
    }

    /// By layer, the segments of text that it has not seen where the greedy policy takes the planted rank.
    private static func found(_ run: EngineRun) -> [Int] {
        run.forward(EngineRun.batch([900, 901, 902, 903], tokens: 9), run.engine.evaluationPass(of: run.stage))
        return zip(run.levels, planted).map { levels, rank in levels?.levels.count { $0.scoreRank == rank } ?? 0 }
    }

    @Test func theAgentFindsEachLayersRank() throws {
        let run = try EngineRun(Self.options(), of: Self.planted.count)
        Self.plant(run)
        func step(_ number: Int) throws {
            try run.step(number, [EngineRun.batch((0..<8).map { UInt64(8 * number + $0) }, tokens: UInt64(number))])
        }
        try step(1)
        let before = Self.found(run)
        for number in 2...250 { try step(number) }
        let after = Self.found(run)
        #expect(before.reduce(0, +) < 32, "there is something to learn: \(before)")
        // Rank 8 gains hardly more than it costs.
        for (layer, rank) in Self.planted.enumerated() where rank < 8 {
            #expect(after[layer] == 4 * 4, "layer \(layer)")
        }
    }

    /// With the guard a level that changes the scores by more than ε is never taken, in training or greedily.
    @Test func theGuardMasksBeforeSampling() throws {
        var agent = AgentOptions()
        agent.tolerance = try Guard(epsilon: 1e-3, decay: 1)
        let run = try EngineRun(
            RankOptions(mode: .policy(agent), levels: Self.levels, segment: 8), of: Self.planted.count)
        Self.plant(run)
        for number in 1...3 { try run.step(number, [EngineRun.batch([1, 2, 3], tokens: UInt64(number))]) }
        // Levels below the planted rank change the scores: 2, 0, 3 and 1 of 4.
        #expect(run.engine.policyReport?.maskedShare == 6.0 / 16)
        #expect(run.engine.policyReport?.tolerance == 1e-3)
        run.forward(EngineRun.batch([7], tokens: 5), run.engine.evaluationPass(of: run.stage))
        for (levels, rank) in zip(run.levels, Self.planted) {
            #expect(levels?.levels.allSatisfy { $0.scoreRank >= rank } == true)
        }
    }
}
