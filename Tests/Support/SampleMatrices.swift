import Kernels
import LinearAlgebra

/// Random matrices from a seed: every case of a test is a pure function of its number.
public struct SampleMatrices {
    private let generator: Philox
    private var stream: UInt32 = 0

    public init(seed: UInt64) { generator = Philox(key: seed) }

    /// Normal deviates.
    public mutating func normal(_ rows: Int, _ columns: Int) -> DenseMatrix {
        stream += 1
        let values = Buffer<Float>(uninitialized: rows * columns)
        generator.derived(stream).fillNormal(values, deviation: 1)
        return DenseMatrix(Buffer(values.array.map(Double.init)), rows: rows, columns: columns)
    }

    /// d×d orthogonal.
    public mutating func orthogonal(_ d: Int) throws -> DenseMatrix { try LAPACK.qr(normal(d, d)).q }

    /// rows×d with singular values of a kind: random, clustered, ill-conditioned (1 … 1e−5), or of rank d/2.
    public mutating func rows(_ rows: Int, _ d: Int, _ kind: Kind) throws -> DenseMatrix {
        let x = normal(rows, d)
        let scales = (0..<d).map { i in
            switch kind {
            case .random: 1.0
            case .clustered: i < d / 4 ? 8.0 : i < d / 2 ? 2.0 : 0.5
            case .illConditioned: 1 / Self.power(10, 5 * Double(i) / Double(max(d - 1, 1)))
            case .deficient: i < (d + 1) / 2 ? 1.0 : 0.0
            }
        }
        return .product(.product(x, DenseMatrix(diagonal: scales)), try orthogonal(d))
    }

    /// Symmetric, normal.
    public mutating func symmetric(_ d: Int) -> DenseMatrix {
        let a = normal(d, d)
        let sum = a.copy()
        for i in 0..<d { for j in 0..<d { sum[i, j] = (a[i, j] + a[j, i]) / 2 } }
        return sum
    }

    private static func power(_ base: Double, _ exponent: Double) -> Double {
        var result = 1.0
        let tenth = 1.2589254117941673 // 10^0.1
        for _ in 0..<Int((exponent * 10).rounded()) { result *= tenth }
        return result
    }

    public enum Kind: CaseIterable, Sendable { case random, clustered, illConditioned, deficient }
}

/// xᵀ x.
public func gram(_ x: DenseMatrix) -> DenseMatrix { .product(x, x, transposeA: true) }
