import Kernels
import Model
import Testing

@Suite struct AdamWTests {
    /// Widths give vectors and matrices with every kind of tail; the largest matrix is cut into several pieces.
    @Test(arguments: [(1, 1), (5, 7), (65, 65), (1000, 33)], [1, 2, 3])
    func agreesWithFloat64(shape: (Int, Int), threads: Int) throws {
        let (vocabulary, width) = shape
        let configuration = try ModelConfiguration(
            vocabularySize: vocabulary, context: 3, width: width, heads: 1, layers: 1)
        let arena = ParameterArena(ParameterLayout(configuration, .whole(configuration)))
        let adamW = AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1)
        let team = Team(threads: threads)
        var judges: [Reference.AdamW] = []
        for (i, parameter) in arena.layout.parameters.enumerated() {
            let values = SampleValues.uniform(parameter.range.count, seed: UInt64(i))
            arena.values[parameter.range].copy(from: Buffer(values))
            judges.append(Reference.AdamW(values.doubles))
        }
        for step in 1...5 {
            let rate: Float = 0.01 * Float(step), scale: Float = 0.5
            for (i, parameter) in arena.layout.parameters.enumerated() {
                let gradient = SampleValues.uniform(
                    parameter.range.count, seed: UInt64(100 * step + i), scale: i % 2 == 0 ? 1e-3 : 10)
                arena.gradients[parameter.range].copy(from: Buffer(gradient))
                judges[i].update(
                    gradient.doubles * Double(scale), step: step, rate: Double(rate),
                    decay: parameter.shape.count > 1 ? 0.1 : 0, beta1: 0.9, beta2: 0.95, epsilon: 1e-8)
            }
            adamW.update(arena, step: step, learningRate: rate, gradientScale: scale, on: team)
            #expect(arena.gradients.array.allSatisfy { $0 == 0 })
        }
        for (judge, parameter) in zip(judges, arena.layout.parameters) {
            #expect(relativeError(arena.values[parameter.range].array, judge.value) < 1e-6, "\(parameter.name)")
            #expect(relativeError(arena.firstMoment[parameter.range].array, judge.m) < 1e-6, "\(parameter.name)")
            #expect(relativeError(arena.secondMoment[parameter.range].array, judge.v) < 1e-6, "\(parameter.name)")
        }
        // Padding between parameters is nobody's.
        let own = Set(arena.layout.parameters.flatMap { $0.range })
        for i in 0..<arena.layout.count where !own.contains(i) {
            #expect(arena.values[i] == 0 && arena.firstMoment[i] == 0 && arena.secondMoment[i] == 0)
        }
    }

    @Test func threadsDoNotChangeAnUpdate() throws {
        let configuration = try ModelConfiguration(vocabularySize: 1000, context: 3, width: 40, heads: 1, layers: 1)
        let results = [1, 2, 3].map { threads in
            let arena = ParameterArena(ParameterLayout(configuration, .whole(configuration)))
            arena.initialize(seed: 4)
            arena.gradients.copy(from: Buffer(SampleValues.uniform(arena.layout.count, seed: 5)))
            AdamW().update(arena, step: 1, learningRate: 0.1, gradientScale: 1, on: Team(threads: threads))
            return arena.values.array
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}
