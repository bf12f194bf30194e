import Kernels
import LinearAlgebra
import LowRank
import TestSupport
import Testing

@Suite struct DriftBoundTests {
    private static func spectralNorm(_ e: DenseMatrix) throws -> Double {
        try LAPACK.symmetricEigen(e).values.map(abs).max() ?? 0
    }

    /// G of each kind, G + E for E of many sizes.
    private static func cases(_ body: (_ g: DenseMatrix, _ e: DenseMatrix, _ number: Int) throws -> Void) throws {
        for number in 0..<400 {
            var sample = SampleMatrices(seed: UInt64(number))
            let d = [2, 5, 9, 16][number % 4]
            let g = gram(try sample.rows(30, d, SampleMatrices.Kind.allCases[number / 4 % 4]))
            let e = sample.symmetric(d)
            let size = [1e-8, 1e-4, 1e-2, 0.1, 1][number / 16 % 5] * g.frobeniusNorm / e.frobeniusNorm
            for i in 0..<e.values.count { e.values[i] *= size }
            try body(g, e, number)
        }
    }

    private static func sum(_ a: DenseMatrix, _ b: DenseMatrix) -> DenseMatrix {
        DenseMatrix(Buffer(zip(a.values.array, b.values.array).map(+)), rows: a.rows, columns: a.columns)
    }

    @Test func weylIsNeverViolated() throws {
        try Self.cases { g, e, number in
            let before = try LAPACK.symmetricEigen(g).values
            let after = try LAPACK.symmetricEigen(Self.sum(g, e)).values
            let slack = 1e-13 * g.frobeniusNorm
            let spectral = try Self.spectralNorm(e)
            #expect(spectral <= DriftBound.weyl(perturbation: e) + slack)
            for (a, b) in zip(before, after) {
                #expect(abs(a - b) <= spectral + slack, "case \(number)")
                #expect(abs(a - b) <= DriftBound.weyl(perturbation: e) + slack, "case \(number)")
            }
        }
    }

    @Test func davisKahanIsNeverViolated() throws {
        var tight = 0
        try Self.cases { g, e, number in
            let (before, v) = try LAPACK.symmetricEigen(g), (_, w) = try LAPACK.symmetricEigen(Self.sum(g, e))
            let spectral = try Self.spectralNorm(e)
            for r in 0...g.rows {
                let bound = DriftBound.rotation(
                    eigenvalues: before, rank: r, spectralNorm: spectral, frobeniusNorm: e.frobeniusNorm)
                // ‖sin Θ‖_F: what of the new vectors lies outside the old ones' span.
                let p = v.leadingColumns(r), x = w.leadingColumns(r)
                let sine = (x - .product(p, .product(p, x, transposeA: true))).frobeniusNorm
                #expect(sine <= bound + 1e-7, "case \(number) rank \(r)")
                if r > 0 && r < g.rows && bound < 0.5 { tight += 1 }
            }
        }
        #expect(tight > 100, "the bound says something")
    }

    @Test func missedEnergyIsNeverUnderstated() throws {
        var small = 0
        try Self.cases { g, e, number in
            // Nearly diagonal, as a core in the basis held is.
            let (_, v) = try LAPACK.symmetricEigen(g)
            let core = DenseMatrix.product(v, .product(Self.sum(g, e), v), transposeA: true)
            let best = try LAPACK.symmetricEigen(core).values
            for r in 0...g.rows {
                let missed = best.prefix(r).reduce(0, +) - core.diagonal.prefix(r).reduce(0, +)
                let bound = DriftBound.missedEnergy(core, rank: r)
                #expect(missed <= bound + 1e-12 * g.frobeniusNorm, "case \(number) rank \(r)")
                if r > 0 && r < g.rows && bound < 10 * missed && missed > 1e-10 * g.frobeniusNorm { small += 1 }
            }
        }
        #expect(small > 100, "the bound is near what it bounds where gaps are clear")
    }
}
