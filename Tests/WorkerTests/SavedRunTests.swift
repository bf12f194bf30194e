import Foundation
import Model
import Testing
import Worker

@Suite struct SavedRunTests {
    private static let model = try? ModelConfiguration(
        vocabularySize: 512, context: 64, width: 64, heads: 2, layers: 4, dropout: 0.1)

    private func saved() throws -> SavedRun {
        SavedRun(
            model: try #require(Self.model),
            training: TrainingOptions(
                batch: 8, microBatch: 2, learningRate: LearningRate(peak: 1e-3, floor: 1e-4, warmup: 3, steps: 20),
                optimizer: AdamW(weightDecay: 0.1), clip: 1, seed: .max))
    }

    @Test func theSameShapeFits() throws {
        var wanted = try #require(Self.model)
        #expect(try saved().mismatch(with: wanted) == nil)
        wanted.dropout = 0
        #expect(try saved().mismatch(with: wanted) == nil, "dropout is no part of the shape")
    }

    @Test func everyDifferenceIsNamedWithBothSizes() throws {
        var wanted = try #require(Self.model)
        wanted.heads = 4
        #expect(
            try saved().mismatch(with: wanted) == "it holds a model with heads 2 where this run asks for 4")
        wanted.width = 128
        wanted.layers = 2
        wanted.context = 32
        wanted.vocabularySize = 300
        #expect(
            try saved().mismatch(with: wanted)
                == "it holds a model with vocabulary 512, context 64, width 64, heads 2, layers 4 "
                + "where this run asks for 300, 32, 128, 4, 2")
    }

    @Test func itsJSONFormComesBackWhole() throws {
        let saved = try saved()
        #expect(try JSONDecoder().decode(SavedRun.self, from: JSONEncoder().encode(saved)) == saved)
    }
}
