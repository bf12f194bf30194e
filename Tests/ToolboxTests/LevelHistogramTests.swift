import Kernels
import LowRank
import Model
import Testing
import Toolbox

@Suite struct LevelHistogramTests {
    private static let levels = [(1, 1), (2, 1), (2, 4)].map { Level(scoreRank: $0.0, valueRank: $0.1) }

    /// 2 layers, one head of width 4, bases that change nothing.
    private func histogram(_ strategy: some AttentionMode, windows: Int) throws -> LevelHistogram {
        let model = try ModelConfiguration(vocabularySize: 11, context: 32, width: 4, heads: 1, layers: 2)
        let team = Team(threads: 1)
        let options = RankOptions(mode: strategy, levels: Self.levels, segment: 2)
        let engine = try RankEngine(model, layers: 0..<2, options: options, seed: 3, team: team, now: { 0 })
        for entry in engine.entries where entry.path.hasSuffix("_basis") {
            if case .float64(let pieces?) = entry.elements { Buffer((0..<16).map { $0 / 4 == $0 % 4 ? 1 : 0 }).copy(to: pieces) }
        }
        engine.adopt()
        let stage = TransformerStage(model, placement: .whole(model), rows: 32, team: team, forTraining: false)
        let activations = stage.makeActivations(), pass = engine.evaluationPass(of: stage)
        if engine.isReducing { stage.fold(pass) }
        var histogram = LevelHistogram(layers: 2, levels: Self.levels)
        let tokens = Buffer<Int32>(count: 32, repeating: 5)
        for window in 0..<windows {
            let batch = MicroBatch(
                sequences: 1, length: 32, tokens: tokens, targets: tokens, samples: [UInt64(window)])
            stage.forward(batch, activations, lowRank: pass)
            histogram.add(activations.levels)
        }
        return histogram
    }

    /// 3,200 draws a layer: a share's standard deviation is at most 0.009.
    @Test func drawingFromAHistogramGivesItsSharesBack() throws {
        let shares = [[0.7, 0.2, 0.1], [0, 0.5, 0.5]]
        let drawn = try histogram(.random(shares), windows: 200)
        #expect(drawn.counts.map { $0.reduce(0, +) } == [3200, 3200] && drawn.counts[1][0] == 0 && drawn.varies)
        for (asked, found) in zip(shares.flatMap(\.self), try #require(drawn.shares).flatMap(\.self)) {
            #expect(abs(asked - found) < 0.04, "\(asked) became \(found)")
        }
    }

    @Test func oneLevelALayerDoesNotVaryAndFullAttentionHasNone() throws {
        let fixed = try histogram(.fixed([Self.levels[2], Self.levels[0]]), windows: 3)
        #expect(fixed.shares == [[0, 0, 1], [1, 0, 0]] && !fixed.varies)
        let full = try histogram(.full, windows: 3)
        #expect(full.shares == nil && !full.varies)
    }
}
