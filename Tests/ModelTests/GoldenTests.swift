import Kernels
import Model
import Testing

/// The same weights as a small Hugging Face GPT-2 under PyTorch in float64.
@Suite struct GoldenTests {
    @Test func theParametersAreTheSame() throws {
        let model = try GoldenModel()
        let layout = ParameterLayout(model.configuration, .whole(model.configuration))
        let ours = Dictionary(uniqueKeysWithValues: layout.parameters.map { ($0.name, $0.shape) })
        let theirs = Dictionary(uniqueKeysWithValues: model.golden.weights.map { ($0.name, $0.shape) })
        #expect(ours == theirs)
    }

    @Test(arguments: [1, 2])
    func logitsAndGradientsAgree(threads: Int) throws {
        let model = try GoldenModel(), first = model.batch(1)
        let run = try StageRun(model.configuration, weights: model.weights, rows: first.rows, threads: threads)
        let loss = model.pass(run, first)
        #expect(abs(loss / model.golden.loss - 1) < 1e-6)
        #expect(try relativeError(run.logits(first), #require(model.expected["logits"]).doubles) < 5e-6)
        for (name, gradient) in run.gradients {
            #expect(try normError(gradient, #require(model.expected[name]).doubles) < 1e-5, "\(name)")
        }
    }

    /// Warm-up and cosine, clipping, decay on matrices only, a fresh batch each step.
    @Test(arguments: [1, 2])
    func tenStepsOfAdamWAgree(threads: Int) throws {
        let model = try GoldenModel(), golden = model.golden
        let run = try StageRun(model.configuration, weights: model.weights, rows: model.batch(1).rows, threads: threads)
        let arena = run.stages[0].parameters
        for step in 1...golden.losses.count {
            let loss = model.pass(run, model.batch(step))
            #expect(abs(loss / golden.losses[step - 1] - 1) < 1e-6, "step \(step)")
            let norm = sumOfSquares(arena.gradients, on: run.stages[0].team).squareRoot()
            #expect(abs(norm / golden.gradientNorms[step - 1] - 1) < 1e-5, "step \(step)")
            golden.adamW.update(
                arena, step: step, learningRate: golden.rate[step],
                gradientScale: Float(min(1, golden.clip / (norm + 1e-6))), on: run.stages[0].team)
        }
    }
}
