import Kernels
import Model
import Testing

@Suite struct SumOfSquaresTests {
    @Test(arguments: [0, 1, 7, 8, 9, 64, 65, 127, 1000, 65_535, 65_536, 65_537, 200_003])
    func agreesWithFloat64(count: Int) {
        let values = SampleValues.uniform(count, seed: 1)
        let expected = values.doubles.reduce(0) { $0 + $1 * $1 }
        let sums = [1, 2, 3].map { sumOfSquares(Buffer(values), on: Team(threads: $0)) }
        #expect(abs(sums[0] - expected) <= 1e-12 * expected)
        #expect(sums[0] == sums[1] && sums[0] == sums[2])
    }

    @Test(arguments: [0, 7, 100, 65_536, 99_999])
    func whatIsNotFiniteShows(place: Int) {
        let x = Buffer(SampleValues.uniform(100_000, seed: 1))
        x[place] = .infinity
        #expect(sumOfSquares(x, on: Team(threads: 2)) == .infinity)
        x[place] = .nan
        #expect(sumOfSquares(x, on: Team(threads: 2)).isNaN)
        // The largest floats do not overflow.
        x[place] = .greatestFiniteMagnitude
        #expect(sumOfSquares(x, on: Team(threads: 2)).isFinite)
    }
}
