import Kernels
import LowRank
import Model
import Testing

/// Levels chosen with the truth in hand, on drawn divergences of which some fall as levels rise and some do not.
@Suite struct OracleLevelsTests {
    private static let list = [(1, 2), (2, 4), (4, 4), (4, 8)].map { Level(scoreRank: $0.0, valueRank: $0.1) }
    private static let options = RankOptions(
        mode: .energy(1), levels: list, segment: 8, exact: ExactTokens(recent: 0, first: 1))
    private static let length = 30

    private let configuration: ModelConfiguration
    private let known: LevelDivergences
    private let calibrated: CalibratedLosses

    init() throws {
        configuration = try ModelConfiguration(vocabularySize: 11, context: 32, width: 16, heads: 2, layers: 2)
        known = LevelDivergences(levels: Self.list, headWidth: 8, windows: 2, layers: 2, length: Self.length)
        let generator = Philox(key: 5)
        for window in 0..<2 {
            for layer in 0..<2 {
                for level in known.measured.indices {
                    let own = known[window, layer, level]
                    for token in 0..<Self.length {
                        let size = generator.uniform(UInt32(token), UInt32(layer), UInt32(window))
                        let noise = generator.uniform(UInt32(token), UInt32(layer), UInt32(window), UInt32(level + 1))
                        own[token] = size * size * (0.5 + noise) / Double(1 + level * level)
                    }
                }
            }
        }
        calibrated = CalibratedLosses(
            levels: try LevelLosses(levels: Self.list, nats: [[0.3, 0.1, 0.05, 0.02], [3, 1, 0.6, 0.2]]), forecast: nil)
    }

    /// FLOPs of levels, by window and layer, as attention counts them.
    private func flops(_ oracle: OracleLevels) -> Double {
        (0..<4).reduce(0.0) { total, i in
            let levels = oracle.levels(window: i / 2, layer: i % 2)
            return total + (0..<4).reduce(0.0) {
                $0 + Double(configuration.segmentFLOPs(
                    levels, sequence: 0, largest: Level(scoreRank: 8, valueRank: 8), segment: $1, length: Self.length))
            }
        }
    }

    private func divergence(_ oracle: OracleLevels) -> Double {
        (0..<2).reduce(0.0) { total, window in
            (0..<Self.length).reduce(total) { total, token in
                total + (known.loss(window: window, token: token) {
                    oracle.levels(window: window, layer: $0)[sequence: 0, row: token]
                } ?? .nan)
            }
        }
    }

    /// The finer the grain the less is lost, never more than the budget is taken, and both are what they say.
    @Test(arguments: [0.75, 0.85, 0.95, 1.05, 1.4]) func finerLosesLess(share: Double) throws {
        let found = try known.oracles(within: share, configuration, Self.options, calibrated)
        let budget = 4 * configuration.budgetFLOPs(share: share, length: Self.length)
        for oracle in [found.segment, found.token] {
            #expect(flops(oracle) <= budget * (1 + 1e-9) && abs(oracle.flops / flops(oracle) - 1) < 1e-9)
            #expect(abs(oracle.divergence - divergence(oracle)) < 1e-9)
        }
        #expect(found.token.divergence <= found.segment.divergence)
        if found.segment.divergence > 0 { #expect(found.token.divergence < 0.9 * found.segment.divergence) }
        // One level everywhere loses no less.
        for (level, cost) in zip(Self.list, configuration.segmentCosts(of: Self.list, Self.options, length: Self.length).columnSums)
        where 4 * cost <= budget {
            let everywhere = (0..<2).reduce(0.0) { total, window in
                (0..<Self.length).reduce(total) { $0 + (known.loss(window: window, token: $1) { _ in level } ?? .nan) }
            }
            #expect(found.segment.divergence <= everywhere, "\(level)")
        }
    }

    /// With room for everything nothing is lost; with too little there is no choice.
    @Test func budgetsHaveEnds() throws {
        let all = try known.oracles(within: 2, configuration, Self.options, nil)
        #expect(all.token.divergence == 0 && all.segment.divergence == 0)
        #expect(throws: LevelError.self) { try known.oracles(within: 0.01, configuration, Self.options, nil) }
        #expect(known.loss(window: 0, token: 3) { _ in Level(scoreRank: 3, valueRank: 3) } == nil)
    }
}

extension [[Double]] {
    fileprivate var columnSums: [Double] { self[0].indices.map { column in reduce(0) { $0 + $1[column] } } }
}
