import Kernels
import Model
import Options
import Testing

@Suite struct StagePlacementTests {
    /// Cutting the model in stages changes nothing, bit for bit, but the order of the shared embedding's sum.
    @Test(arguments: [2, 3], [0, 0.2] as [Float])
    func stagesAgreeWithTheWhole(count: Int, rate: Float) throws {
        let shape = TransformerStageTests.shape
        let configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 1, step: 2) : nil
        let whole = try StageRun(configuration, weights: weights, rows: batch.rows)
        let cut = try StageRun(configuration, weights: weights, stages: count, rows: batch.rows)
        #expect(cut.stages.count == count)
        #expect(whole.pass(batch, dropout: dropout) == cut.pass(batch, dropout: dropout))
        #expect(whole.logits(batch) == cut.logits(batch))
        let expected = whole.gradients, actual = cut.gradients
        #expect(expected.keys.sorted() == actual.keys.sorted())
        for (name, gradient) in expected {
            if name == "transformer.wte.weight" {
                #expect(try relativeError(#require(actual[name]), gradient.doubles) < 1e-6)
            } else {
                #expect(actual[name] == gradient, "\(name)")
            }
        }
    }

    @Test(arguments: [(1, 1), (2, 1), (2, 2), (5, 3), (12, 4), (7, 7), (48, 5)])
    func everyLayerIsHeldOnce(layers: Int, stages: Int) throws {
        for vocabulary in [16, 50_257] {
            let configuration = try ModelConfiguration(
                vocabularySize: vocabulary, context: 64, width: 32, heads: 2, layers: layers)
            let split = try StagePlacement.split(configuration, stages: stages)
            #expect(split.count == stages)
            #expect(split.flatMap { Array($0.layers) } == Array(0..<layers))
            #expect(split.allSatisfy { !$0.layers.isEmpty })
            #expect(split.map { $0.isFirst } == split.indices.map { $0 == 0 })
            #expect(split.map { $0.isLast } == split.indices.map { $0 == stages - 1 })
        }
        let single = try ModelConfiguration(vocabularySize: 16, context: 64, width: 32, heads: 2, layers: layers)
        #expect(try StagePlacement.split(single, stages: 1) == [.whole(single)])
    }

    /// No other way to cut has a cheaper costliest stage: all ways tried, with the head's cost on the last.
    @Test(arguments: [(4, 2), (7, 3), (9, 4)], [16, 2000, 50_257])
    func theCostliestStageCostsLeast(size: (Int, Int), vocabulary: Int) throws {
        let (layers, stages) = size
        let width = 32, context = 64
        let configuration = try ModelConfiguration(
            vocabularySize: vocabulary, context: context, width: width, heads: 2, layers: layers)
        let layer = 12 * width * width + width * context, head = vocabulary * width
        func cost(_ counts: [Int]) -> Int {
            counts.indices.map { counts[$0] * layer + ($0 == counts.count - 1 ? head : 0) }.max() ?? 0
        }
        func cuts(_ layers: Int, _ stages: Int) -> [[Int]] {
            stages == 1
                ? [[layers]]
                : (1...(layers - stages + 1)).flatMap { first in
                    cuts(layers - first, stages - 1).map { [first] + $0 }
                }
        }
        let chosen = try StagePlacement.split(configuration, stages: stages).map { $0.layers.count }
        #expect(cost(chosen) == cuts(layers, stages).map(cost).min())
    }

    @Test(arguments: [0, -1, 4])
    func stagesThatCannotBeAreRefused(stages: Int) throws {
        let configuration = try ModelConfiguration(vocabularySize: 16, context: 8, width: 8, heads: 2, layers: 3)
        let error = #expect(throws: ConfigurationError.self) {
            try StagePlacement.split(configuration, stages: stages)
        }
        let message = "\(option: "layer-shards") \(stages) for 3 layers: each shard needs one; use 1 to 3"
        #expect(error?.description.contains(message) == true)
    }
}
