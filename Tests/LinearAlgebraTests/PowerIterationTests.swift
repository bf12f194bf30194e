import Kernels
import LinearAlgebra
import TestSupport
import Testing

@Suite struct PowerIterationTests {
    /// Never above the norm, never falling with the steps, and near it when there are many.
    @Test func boundsTheSpectralNormFromBelow() throws {
        let team = Team(threads: 1)
        var ratios: [Double] = []
        for number in 0..<200 {
            var sample = SampleMatrices(seed: UInt64(number))
            let a = try sample.rows(20, 4 + number % 9, SampleMatrices.Kind.allCases[number % 4])
            let norm = SingularValues(a).values[0]
            let steps = [0, 1, 3, 10, 200].map { PowerIteration.spectralNorm(a, steps: $0, seed: UInt64(number)) }
            #expect(zip(steps, steps.dropFirst()).allSatisfy { $0 <= $1 * (1 + 1e-12) })
            #expect(steps.allSatisfy { $0 <= norm * (1 + 1e-12) && $0 > 0 })
            #expect(steps[4] >= 0.999 * norm)
            ratios.append(steps[2] / norm)
            let narrow = Matrix(Buffer(a.values.array.map { Float($0) }), rows: a.rows, columns: a.columns)
            let single = PowerIteration.spectralNorm(narrow, seed: UInt64(number), on: team)
            #expect(abs(single - steps[2]) <= 1e-4 * norm)
            let turned = PowerIteration.spectralNorm(narrow.transposed, steps: 200, seed: 1, on: team)
            #expect(abs(turned - norm) <= 1e-3 * norm)
        }
        #expect(ratios.reduce(0, +) / Double(ratios.count) > 0.93, "three steps come close")
    }

    @Test func zeroHasNormZero() {
        #expect(PowerIteration.spectralNorm(DenseMatrix(rows: 3, columns: 4)) == 0)
        #expect(PowerIteration.spectralNorm(DenseMatrix(rows: 0, columns: 4)) == 0)
        let zero = Matrix(Buffer<Float>(count: 6, repeating: 0), rows: 2, columns: 3)
        #expect(PowerIteration.spectralNorm(zero, on: Team(threads: 1)) == 0)
    }
}
