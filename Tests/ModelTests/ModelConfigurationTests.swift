import Foundation
import Model
import Options
import Testing

@Suite struct ModelConfigurationTests {
    @Test func gpt2SmallHas124MillionParameters() throws {
        let small = try ModelConfiguration(vocabularySize: 50_257, context: 1024, width: 768, heads: 12, layers: 12)
        #expect(small.parameterCount == 124_439_808)
        #expect(small.headWidth == 64)
        // 6 FLOPs a weight in a product, and 6 N D L for the causal half of attention.
        let weights = 12 * 12 * 768 * 768 + 50_257 * 768
        #expect(small.trainingFLOPs(perTokenOfLength: 1024) == Double(6 * weights + 6 * 12 * 768 * 1024))
    }

    private func message(
        vocabulary: Int = 10, context: Int = 8, width: Int = 12, heads: Int = 2, layers: Int = 2, dropout: Float = 0
    ) -> String? {
        do {
            _ = try ModelConfiguration(
                vocabularySize: vocabulary, context: context, width: width, heads: heads, layers: layers,
                dropout: dropout)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func whatCannotBeIsRefusedByName() {
        #expect(message() == nil)
        #expect(message(vocabulary: 0)?.contains("vocabulary is 0") == true)
        #expect(message(context: -1)?.contains("context is -1") == true)
        #expect(message(width: 0)?.contains("width is 0") == true)
        #expect(message(heads: 0)?.contains("heads is 0") == true)
        #expect(message(layers: 1 << 20)?.contains("layers is 1048576") == true)
        #expect(message(heads: 5)?.contains("5 heads do not divide width 12; heads that do: 1, 2, 3, 4, 6, 12") == true)
        #expect(message(dropout: 1)?.contains("dropout is 1.0") == true)
        #expect(message(dropout: -0.1)?.contains("dropout is -0.1") == true)
        #expect(message(dropout: .nan)?.contains("dropout is nan") == true)
        #expect(message(heads: 5)?.contains("\n") == false)
    }

    @Test func survivesJSON() throws {
        let configuration = try ModelConfiguration(
            vocabularySize: 10, context: 8, width: 12, heads: 2, layers: 2, dropout: 0.1)
        let data = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(ModelConfiguration.self, from: data) == configuration)
    }

    @Test func whatCannotBeIsRefusedFromJSONToo() {
        let json = #"{"vocabularySize":10,"context":8,"width":12,"heads":5,"layers":2,"dropout":0}"#
        #expect(throws: ConfigurationError.self) {
            try JSONDecoder().decode(ModelConfiguration.self, from: Data(json.utf8))
        }
    }
}
