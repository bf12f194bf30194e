import Kernels
import Model
import Testing

@Suite struct PrecisionTests {
    /// Factors that are rounded to 8 bits leave a gradient near float32's, and the loss nearer.
    @Test(arguments: [0, 0.2] as [Float]) func gradientsInBF16AreNearThoseInFloat32(rate: Float) throws {
        let shape = TransformerStageTests.shape, configuration = try shape.configuration(), batch = shape.batch()
        let weights = ModelWeights.random(configuration, seed: 5)
        let dropout = rate > 0 ? Dropout(rate: rate, seed: 8, step: 3) : nil
        func run(_ precision: Precision, threads: Int = 1) throws -> (loss: Double, gradients: [String: [Float]]) {
            let run = try StageRun(
                configuration, weights: weights, rows: batch.rows, threads: threads, precision: precision)
            return (run.pass(batch, dropout: dropout, scale: 0.5), run.gradients)
        }
        let exact = try run(.float32), rounded = try run(.bf16), threaded = try run(.bf16, threads: 2)
        #expect(rounded.loss != exact.loss && abs(rounded.loss - exact.loss) < 1e-3 * exact.loss)
        #expect(threaded.loss == rounded.loss)
        let names = exact.gradients.keys.sorted()
        func all(_ gradients: [String: [Float]]) -> [Float] { names.flatMap { gradients[$0] ?? [] } }
        let error = normError(all(rounded.gradients), all(exact.gradients).map(Double.init))
        print("gradients in bf16: \(error) from float32's, relative norm")
        #expect(error > 1e-4 && error < 0.02)
    }
}
