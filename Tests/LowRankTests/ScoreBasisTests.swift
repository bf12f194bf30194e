import Kernels
import LinearAlgebra
import LowRank
import TestSupport
import Testing

/// Eckart–Young and Eqs. 8 and 15 on scores, over hundreds of matrices. Energies are compared relative to ‖A‖_F².
@Suite struct ScoreBasisTests {
    /// So small that what it adds to the energies is below the tests' tolerance.
    static let ridge = 1e-13
    static let kinds = SampleMatrices.Kind.allCases

    struct Case {
        let q, k: DenseMatrix
        let full: FullScores
        let basis: ScoreBasis
        var d: Int { q.columns }

        init(_ number: Int, ridge: Double = ScoreBasisTests.ridge) throws {
            var sample = SampleMatrices(seed: UInt64(1000 + number))
            let d = [1, 2, 5, 8, 13, 16][number % 6], rows = [3, 20, 40][number / 6 % 3]
            q = try sample.rows(rows, d, kinds[number % 4])
            k = try sample.rows(rows + number % 5, d, kinds[number / 4 % 4])
            full = FullScores(q, k)
            basis = try ScoreBasis(queryGram: gram(q), keyGram: gram(k), ridge: ridge)
        }
    }

    @Test func truncationErrorIsTheTailEnergy() throws {
        for number in 0..<300 {
            let c = try Case(number), total = c.full.tail(0)
            for r in 0...c.d {
                let error = square((c.full.scores - truncated(c.q, c.k, c.basis, r)).frobeniusNorm)
                #expect(abs(error - c.full.tail(r)) <= 1e-10 * total, "case \(number) rank \(r)")
                #expect(abs(error - c.basis.spectrum.tail(r)) <= 1e-10 * total, "case \(number) rank \(r)")
            }
        }
    }

    @Test func spectrumIsThatOfTheScores() throws {
        for number in 0..<300 {
            let c = try Case(number), total = c.full.tail(0)
            for i in 0..<c.d {
                let sigma = i < c.full.sigma.count ? c.full.sigma[i] : 0
                #expect(abs(c.basis.spectrum.energies[i] - sigma * sigma) <= 1e-10 * total, "case \(number) index \(i)")
            }
        }
    }

    @Test func perturbationIsTheDistanceBetweenRanks() throws {
        for number in 0..<200 {
            let c = try Case(number), norm = c.full.tail(0).squareRoot()
            for r in 0...c.d {
                let other = (r * 7 + number) % (c.d + 1)
                let distance = (truncated(c.q, c.k, c.basis, r) - truncated(c.q, c.k, c.basis, other)).frobeniusNorm
                let claimed = c.basis.spectrum.perturbation(from: r, to: other)
                #expect(abs(square(distance) - square(claimed)) <= 1e-10 * square(norm), "case \(number) \(r) \(other)")
            }
        }
    }

    /// The truncated SVD of Q Kᵀ is as good, and nothing else is better.
    @Test func noOtherProjectionIsBetter() throws {
        for number in 0..<200 {
            let c = try Case(number), total = c.full.tail(0)
            var sample = SampleMatrices(seed: UInt64(number))
            for r in 1...c.d {
                let error = square((c.full.scores - truncated(c.q, c.k, c.basis, r)).frobeniusNorm)
                #expect(error <= c.full.tail(r) + 1e-10 * total)
                for attempt in 0..<4 {
                    // A turn of the best projection, small or large, or another altogether.
                    let noise = sample.normal(c.d, c.d), turned = c.basis.key.copy()
                    let size = [1e-3, 0.1, 1, 100][attempt] * turned.frobeniusNorm / noise.frobeniusNorm
                    for i in 0..<turned.values.count { turned.values[i] += size * noise.values[i] }
                    let keys = DenseMatrix.product(c.k, turned.leadingColumns(r))
                    guard keys.rows >= r else { continue }
                    let basis = try LAPACK.qr(keys).q
                    let rival = DenseMatrix.product(.product(c.full.scores, basis), basis, transposeB: true)
                    let rivalError = square((c.full.scores - rival).frobeniusNorm)
                    #expect(rivalError >= error - 1e-10 * total, "case \(number) rank \(r)")
                }
            }
        }
    }

    @Test(arguments: [1e-13, ScoreBasis.defaultRidge]) func fullRankReproducesEveryScore(ridge: Double) throws {
        for number in 0..<200 {
            let c = try Case(number, ridge: ridge)
            // Rows that the Grams have not seen, so that their null spaces count too.
            var sample = SampleMatrices(seed: UInt64(5000 + number))
            let q = sample.normal(9, c.d), k = sample.normal(11, c.d)
            let scores = DenseMatrix.product(q, k, transposeB: true)
            let difference = scores - truncated(q, k, c.basis, c.d)
            let amplification = (1 + Double(c.d) / ridge).squareRoot()
            #expect(difference.frobeniusNorm <= 1e-14 * amplification * q.frobeniusNorm * k.frobeniusNorm, "case \(number)")
        }
    }

    @Test func ridgeIsBracketedAndAmplificationBounded() throws {
        let ridge = 1e-4
        for number in 0..<200 {
            let c = try Case(number, ridge: ridge), total = c.full.tail(0)
            let excess = (2 * ridge + ridge * ridge) * square(c.q.frobeniusNorm) * square(c.k.frobeniusNorm) / Double(c.d)
            #expect(abs(c.basis.spectrum.total - total - excess) <= 1e-10 * (total + excess))
            for r in 0...c.d {
                let error = square((c.full.scores - truncated(c.q, c.k, c.basis, r)).frobeniusNorm)
                #expect(error >= c.full.tail(r) - 1e-10 * total)
                #expect(error <= c.basis.spectrum.tail(r) + 1e-10 * total)
            }
            for i in 0..<c.d {
                let q = (0..<c.d).map { square(c.basis.query[$0, i]) }.reduce(0, +).squareRoot()
                let k = (0..<c.d).map { square(c.basis.key[$0, i]) }.reduce(0, +).squareRoot()
                #expect(q * k <= (1 + Double(c.d) / ridge).squareRoot() * (1 + 1e-9))
                #expect(abs(q - k) <= 1e-12 * q, "equal norms")
            }
        }
    }

    /// Equal column norms: no other scaling of the columns has a smaller ‖Bq‖_F ‖Bk‖_F.
    @Test func scalingIsTheBestConditioned() throws {
        for number in 0..<100 {
            let c = try Case(number, ridge: ScoreBasis.defaultRidge)
            var sample = SampleMatrices(seed: UInt64(number))
            let scales = sample.normal(1, c.d).values.array.map { abs($0) + 0.1 }
            let q = DenseMatrix.product(c.basis.query, DenseMatrix(diagonal: scales))
            let k = DenseMatrix.product(c.basis.key, DenseMatrix(diagonal: scales.map { 1 / $0 }))
            let best = c.basis.query.frobeniusNorm * c.basis.key.frobeniusNorm
            #expect(best <= q.frobeniusNorm * k.frobeniusNorm * (1 + 1e-12))
        }
    }

    @Test func scaleOfTheGramsDoesNotMatter() throws {
        for exponent in [-120, -30, 30, 120] {
            let c = try Case(17), factor = Double(sign: .plus, exponent: exponent, significand: 1)
            let scaled = gram(c.q), keys = gram(c.k)
            for i in 0..<scaled.values.count { scaled.values[i] *= factor }
            let basis = try ScoreBasis(queryGram: scaled, keyGram: keys, ridge: Self.ridge)
            #expect(basis.query.values.array == c.basis.query.values.array)
            #expect(basis.spectrum.energies == c.basis.spectrum.energies.map { $0 * factor })
        }
    }

    @Test func zeroGramsHaveABasisAndNoEnergy() throws {
        var sample = SampleMatrices(seed: 3)
        let zero = DenseMatrix(rows: 4, columns: 4), other = gram(sample.normal(9, 4))
        for (q, k) in [(zero, zero), (zero, other), (other, zero)] {
            let basis = try ScoreBasis(queryGram: q, keyGram: k)
            #expect(basis.spectrum.total == 0 && basis.spectrum.energyRatio(1) == 1)
            let product = DenseMatrix.product(basis.query, basis.key, transposeB: true)
            #expect((product - .identity(4)).frobeniusNorm < 1e-12)
        }
    }

    @Test func energyRatioIsTheSquaredCosine() throws {
        for number in 0..<200 {
            let c = try Case(number)
            for r in 1...c.d {
                let low = truncated(c.q, c.k, c.basis, r)
                let dot = zip(low.values.array, c.full.scores.values.array).reduce(0) { $0 + $1.0 * $1.1 }
                let cosine = dot / (low.frobeniusNorm * c.full.scores.frobeniusNorm)
                #expect(abs(cosine - c.basis.spectrum.cosine(r)) < 1e-9, "case \(number) rank \(r)")
                #expect(abs(square(c.basis.spectrum.cosine(r)) - c.basis.spectrum.energyRatio(r)) < 1e-15)
            }
        }
    }

    @Test func outputStaysWithinItsBound() throws {
        for number in 0..<100 {
            let c = try Case(number)
            var sample = SampleMatrices(seed: UInt64(number))
            let v = sample.normal(c.k.rows, 6)
            for r in 0..<c.d {
                let change = DenseMatrix.product(c.full.scores - truncated(c.q, c.k, c.basis, r), v)
                let spectral = c.basis.spectrum.spectralPerturbation(from: r, to: c.d)
                let bound = outputBound(spectralPerturbation: spectral, valueNorm: v.frobeniusNorm)
                #expect(change.frobeniusNorm <= bound + 1e-6 * c.full.sigma[0] * v.frobeniusNorm)
            }
        }
    }

    @Test func valuesLoseTheirTailEnergy() throws {
        for number in 0..<200 {
            var sample = SampleMatrices(seed: UInt64(number))
            let d = [1, 3, 8, 16][number % 4]
            let v = try sample.rows(25, d, Self.kinds[number / 4 % 4])
            let basis = try ValueBasis(gram: gram(v))
            #expect((gram(basis.value) - .identity(d)).frobeniusNorm < 1e-12)
            for r in 0...d {
                let p = basis.value.leadingColumns(r)
                let error = square((v - .product(.product(v, p), p, transposeB: true)).frobeniusNorm)
                #expect(abs(error - basis.spectrum.tail(r)) <= 1e-10 * basis.spectrum.total)
            }
        }
    }

    /// Few keys with a large common part, summed in float32 and centred: rounding makes directions that were never seen negative.
    @Test(arguments: [20, 300]) func roundingMayMakeAGramIndefinite(common: Int) throws {
        var sample = SampleMatrices(seed: 5)
        let d = 16, n = 8, noise = try sample.rows(n, d, .random)
        var sums = Array(repeating: Float(0), count: d * d), mean = Array(repeating: 0.0, count: d)
        for row in 0..<n {
            let key = (0..<d).map { Float(common * ($0 + 1)) + Float(noise[row, $0]) }
            for i in 0..<d {
                mean[i] += Double(key[i]) / Double(n)
                for j in 0..<d { sums[i * d + j] += key[i] * key[j] }
            }
        }
        let centred = DenseMatrix.identity(d)
        for i in 0..<d {
            for j in 0..<d { centred[i, j] = Double(sums[max(i, j) * d + min(i, j)]) - Double(n) * mean[i] * mean[j] }
        }
        let least = try LAPACK.symmetricEigenvalues(centred).min() ?? 0, trace = centred.diagonal.reduce(0, +)
        try #require(trace > 0 && least < -ScoreBasis.defaultRidge * trace / Double(d), "\(least) of \(trace)")
        let basis = try ScoreBasis(queryGram: .identity(d), keyGram: centred)
        let product = DenseMatrix.product(basis.query, basis.key, transposeA: true)
        #expect((product - .identity(d)).frobeniusNorm < 1e-8)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func gramsThatAreNoSumsOfSquaresAreRefused(value: Double) throws {
        let a = DenseMatrix.identity(3)
        a[2, 1] = value
        #expect(throws: LAPACKError.self) { try ScoreBasis(queryGram: a, keyGram: .identity(3)) }
        #expect(throws: LAPACKError.self) { try ScoreBasis(queryGram: .identity(3), keyGram: a) }
        #expect(throws: LAPACKError.self) { try ValueBasis(gram: a) }
        let negative = DenseMatrix(diagonal: [-1, -1])
        #expect(throws: LAPACKError.self) { try ScoreBasis(queryGram: negative, keyGram: negative) }
    }
}
