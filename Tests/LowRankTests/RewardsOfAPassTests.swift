import Kernels
import LowRank
import Model
import Testing

@Suite struct RewardsOfAPassTests {
    private static let levels = [(1, 2), (2, 4), (4, 4), (8, 8)].map(EngineRun.level)

    /// Sums of rewards by layer and segment in a training step after a few others.
    private static func rewards(dropout: Dropout?) throws -> (sums: [Double], flops: Int) {
        let run = try EngineRun(RankOptions(mode: .policy(AgentOptions()), levels: levels, segment: 8))
        let batch = EngineRun.batch([3, 5])
        for number in 1...2 { try run.step(number, [batch]) }
        run.team.flops.reset()
        run.forward(batch, step: 3, dropout: dropout)
        let sums = run.engine.traceSums
        #expect(Set(run.levels.flatMap { $0?.levels ?? [] }).count > 2, "levels differ")
        return ((0..<2).flatMap { layer in
            (0..<4).map { segment in
                #expect(sums[layer, segment, .rewards] == 2)
                return sums[layer, segment, .reward]
            }
        }, run.team.flops[.policy])
    }

    /// Under dropout levels are tried at the rows; without, the pass itself says what they gave, for less.
    @Test func whatAttentionGaveIsWhatTryingGives() throws {
        let given = try Self.rewards(dropout: nil), tried = try Self.rewards(dropout: Dropout(rate: 0, seed: 1, step: 3))
        for (a, b) in zip(given.sums, tried.sums) { #expect(abs(a - b) < 2e-5, "\(a), \(b)") }
        #expect(Set(given.sums).count == 8 && given.flops < tried.flops)
    }
}
