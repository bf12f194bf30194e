import Foundation
import Model
import TestSupport
import Testing
import Worker

/// benchmarks/scaling predicts steps of this trainer: its own tests pass, and it plans as the trainer does. The tests of what
/// benchmarks share pass too.
@Suite(.enabled(if: Python.program != nil, "python3 is not installed"))
struct ScalingModelTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("benchmarks")

    /// What model.py prints.
    private struct Plan: Decodable {
        let layers: [Int]
        let layer_elements: Int
        let phases: [[String]]
    }

    @Test(arguments: ["scaling/test_model.py", "support/test_machine.py"]) func ownTests(script: String) async throws {
        let outcome = try await python(script)
        #expect(outcome.succeeded, "\(outcome)")
    }

    @Test(arguments: [(8, 256, 4, 128, 4096), (12, 768, 12, 1024, 50257), (5, 40, 2, 24, 300), (7, 64, 1, 512, 90000)])
    func plan(_ layers: Int, _ width: Int, _ heads: Int, _ context: Int, _ vocabulary: Int) async throws {
        let model = try ModelConfiguration(
            vocabularySize: vocabulary, context: context, width: width, heads: heads, layers: layers)
        for (stages, microBatches) in [(1, 3), (2, 1), (3, 7), (5, 4)] {
            let outcome = try await python(
                "scaling/model.py", [layers, width, heads, context, vocabulary, stages, microBatches].map(String.init))
            try #require(outcome.succeeded, "\(outcome)")
            let plan = try JSONDecoder().decode(Plan.self, from: Data(outcome.output.utf8))
            let placements = try StagePlacement.split(model, stages: stages)
            #expect(plan.layers == placements.map(\.layers.count))
            let whole = ParameterLayout(model, .whole(model))
            #expect(plan.layer_elements == whole.range(ofLayer: 0).count)
            let phases = (0..<stages).map { stage in
                PipelineSchedule.oneForwardOneBackward(stage: stage, stages: stages, microBatches: microBatches)
                    .map { phase in
                        switch phase {
                        case .forward(let i): "forward \(i)"
                        case .backward(let i): "backward \(i)"
                        }
                    }
            }
            #expect(plan.phases == phases)
        }
    }

    private func python(_ script: String, _ arguments: [String] = []) async throws -> Outcome {
        try await run(
            #require(Python.program), [Self.folder.appendingPathComponent(script).path] + arguments,
            environment: ["PYTHONDONTWRITEBYTECODE": "1"])
    }
}
