import Kernels
import Testing

@Suite struct GEMMTests {
    /// C ← alpha op(A) op(B) + beta C in float64, over dense row-major arrays.
    private static func naive(
        _ a: (Int, Int) -> Float, _ b: (Int, Int) -> Float, _ m: Int, _ n: Int, _ k: Int, alpha: Double
    ) -> [Double] {
        var c = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for j in 0..<n {
                var sum = 0.0
                for p in 0..<k { sum += Double(a(i, p)) * Double(b(p, j)) }
                c[i * n + j] = alpha * sum
            }
        }
        return c
    }

    struct Shape: CustomTestStringConvertible {
        let m, n, k: Int
        var testDescription: String { "\(m)×\(k) · \(k)×\(n)" }
    }

    static let shapes = [
        Shape(m: 1, n: 1, k: 1), Shape(m: 1, n: 7, k: 65), Shape(m: 7, n: 1, k: 64), Shape(m: 17, n: 16, k: 1),
        Shape(m: 64, n: 65, k: 7), Shape(m: 65, n: 64, k: 127), Shape(m: 127, n: 129, k: 65),
        Shape(m: 128, n: 33, k: 257), Shape(m: 3, n: 1000, k: 31), Shape(m: 1000, n: 5, k: 66),
    ]

    @Test(arguments: shapes, [1, 2, 3])
    func productsAgreeWithFloat64(shape: Shape, threads: Int) {
        let (m, n, k) = (shape.m, shape.n, shape.k)
        let team = Team(threads: threads)
        for (transposeA, transposeB) in [(false, false), (true, false), (false, true), (true, true)] {
            for extra in [0, 3] {
                let (aRows, aColumns) = transposeA ? (k, m) : (m, k)
                let (bRows, bColumns) = transposeB ? (n, k) : (k, n)
                let lda = aColumns + extra, ldb = bColumns + extra, ldc = n + extra
                let a = SampleValues.uniform(aRows * lda, seed: 1)
                let b = SampleValues.uniform(bRows * ldb, seed: 2)
                let A = Matrix(Buffer(a), rows: aRows, columns: aColumns, stride: lda)
                let B = Matrix(Buffer(b), rows: bRows, columns: bColumns, stride: ldb)
                let product = Self.naive(
                    { i, p in transposeA ? a[p * lda + i] : a[i * lda + p] },
                    { p, j in transposeB ? b[j * ldb + p] : b[p * ldb + j] }, m, n, k, alpha: 0.5)

                for beta: Float in [0, 1] {
                    // With beta 0 what C held must not matter; between rows it must stay.
                    let before = beta == 0
                        ? [Float](repeating: .nan, count: m * ldc) : SampleValues.uniform(m * ldc, seed: 3)
                    let c = Buffer(before)
                    team.gemm(
                        transposeA ? A.transposed : A, transposeB ? B.transposed : B,
                        into: Matrix(c, rows: m, columns: n, stride: ldc), alpha: 0.5, beta: beta, .feedForward)
                    let tolerance = 1e-6 * Double(k).squareRoot() + 1e-6
                    var worst = 0.0, untouched = true
                    for i in 0..<m {
                        for j in 0..<ldc {
                            let value = c[i * ldc + j], old = before[i * ldc + j]
                            if j < n {
                                let expected = product[i * n + j] + (beta == 0 ? 0 : Double(old))
                                let error = abs(Double(value) - expected)
                                worst = error.isNaN ? .infinity : max(worst, error)
                            } else if value.bitPattern != old.bitPattern {
                                untouched = false
                            }
                        }
                    }
                    #expect(worst < tolerance, "transposes \(transposeA) \(transposeB), stride +\(extra), beta \(beta)")
                    #expect(untouched, "elements between rows were written")
                }
            }
        }
    }

    @Test func rowsOfAMatrixAreAView() {
        let buffer = Buffer<Float>([1, 2, 9, 3, 4, 9, 5, 6])
        let rows = Matrix(buffer, rows: 3, columns: 2, stride: 3).rows(1..<3)
        #expect(rows.rows == 2 && rows.columns == 2 && rows.stride == 3)
        #expect(rows.pointer == buffer.pointer + 3)
        let identity = Matrix(Buffer<Float>([1, 0, 0, 1]), rows: 2, columns: 2)
        let out = Buffer<Float>(count: 4, repeating: .nan)
        Team(threads: 1).gemm(rows, identity, into: Matrix(out, rows: 2, columns: 2), .feedForward)
        #expect(out.array == [3, 4, 5, 6])
    }

    @Test func shapesThatDoNotFitAreRefused() async {
        await #expect(processExitsWith: .failure) {
            let a = Matrix(Buffer<Float>(count: 6, repeating: 0), rows: 2, columns: 3)
            Team(threads: 1).gemm(a, a, into: a, .feedForward)
        }
        await #expect(processExitsWith: .failure) {
            _ = Matrix(Buffer<Float>(count: 5, repeating: 0), rows: 2, columns: 3)
        }
    }

    /// Resuming bit for bit rests on it.
    @Test(arguments: [1, 2, 3])
    func aProductRepeatsItself(threads: Int) {
        let (m, n, k) = (129, 127, 65)
        let a = Matrix(Buffer(SampleValues.uniform(m * k, seed: 4)), rows: m, columns: k)
        let b = Matrix(Buffer(SampleValues.uniform(k * n, seed: 5)), rows: k, columns: n)
        let team = Team(threads: threads)
        let results = (0..<3).map { _ in
            let c = Buffer<Float>(count: m * n, repeating: .nan)
            team.gemm(a, b, into: Matrix(c, rows: m, columns: n), .feedForward)
            return c.array
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}
