import Kernels
import LinearAlgebra
import TestSupport
import Testing

@Suite struct DecompositionTests {
    @Test func decompositionsReproduceTheirMatrix() throws {
        for number in 0..<100 {
            var sample = SampleMatrices(seed: UInt64(number))
            let n = 1 + number % 17, m = n + number % 5
            let a = try sample.rows(m, n, SampleMatrices.Kind.allCases[number % 4]), norm = a.frobeniusNorm
            let (q, r) = try LAPACK.qr(a)
            #expect((a - .product(q, r)).frobeniusNorm <= 1e-13 * norm)
            #expect((gram(q) - .identity(n)).frobeniusNorm <= 1e-13 * Double(n))
            #expect(r.diagonal.allSatisfy { $0 >= 0 } && (1..<max(n, 1)).allSatisfy { r[$0, 0] == 0 })
            let g = gram(a)
            let (lambda, v) = try LAPACK.symmetricEigen(g)
            #expect((g - .product(.product(v, DenseMatrix(diagonal: lambda)), v, transposeB: true)).frobeniusNorm
                <= 1e-13 * norm * norm)
            #expect(lambda == lambda.sorted(by: >))
            for i in 0..<n { g[i, i] += 1e-6 * norm * norm }
            let l = try LAPACK.cholesky(g)
            #expect((g - .product(l, l, transposeB: true)).frobeniusNorm <= 1e-13 * norm * norm)
            for transpose in [false, true] {
                let x = r.solved(lower: l, transpose: transpose)
                #expect((r - .product(l, x, transposeA: transpose)).frobeniusNorm <= 1e-12 * norm)
            }
            #expect((0..<n).allSatisfy { i in ((i + 1)..<max(n, i + 1)).allSatisfy { l[i, $0] == 0 } })
        }
    }

    @Test func emptyMatricesAreNoFailure() throws {
        let empty = DenseMatrix(rows: 0, columns: 0)
        #expect(try LAPACK.symmetricEigen(empty).values.isEmpty)
        #expect(try LAPACK.qr(empty).q.rows == 0)
        #expect(try LAPACK.cholesky(empty).rows == 0)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func nonFiniteInputIsRefused(value: Double) throws {
        let a = DenseMatrix.identity(3)
        a[2, 1] = value
        let meaning = "the 3×3 matrix holds NaN or infinity"
        let errors = [
            #expect(throws: LAPACKError.self) { try LAPACK.symmetricEigen(a) },
            #expect(throws: LAPACKError.self) { try LAPACK.qr(a) },
            #expect(throws: LAPACKError.self) { try LAPACK.cholesky(a) },
        ]
        #expect(errors.map { $0?.routine } == ["dsyevd", "dgeqrf", "dpotrf"])
        #expect(errors.allSatisfy { $0?.meaning == meaning })
    }

    @Test func statusBecomesAnErrorThatSaysWhy() throws {
        let indefinite = DenseMatrix(diagonal: [1, 2, -1, 3])
        let error = #expect(throws: LAPACKError.self) { try LAPACK.cholesky(indefinite) }
        #expect(error?.description == "dpotrf failed (info 3): the leading minor of order 3 is not positive: "
            + "the matrix is not positive definite")
        #expect(throws: LAPACKError.self) { try LAPACK.symmetricEigen(DenseMatrix(rows: 2, columns: 3)) }
        #expect(throws: LAPACKError.self) { try LAPACK.qr(DenseMatrix(rows: 2, columns: 3)) }
    }
}
