import Kernels
import LinearAlgebra

/// Orthogonal random directions (Choromanski et al. 2021, section 3.1): blocks of d orthogonal rows, each as long as a
/// Gaussian vector of its own, so that a row by itself is Gaussian.
///
/// They are a pure function of (seed, layer, head, row): neither the grid nor the number of features drawn changes a row.
public enum OrthogonalFeatures {
    /// [m, d], m = `count` directions of width d.
    public static func draw(count: Int, width d: Int, seed: UInt64, layer: Int, head: Int) -> [Double] {
        let generator = Philox(key: seed).derived(UInt32(layer), UInt32(head), 0, RandomPurpose.features)
        var rows: [Double] = []
        rows.reserveCapacity(count * d)
        for block in 0..<((count + d - 1) / d) {
            let directions = orthonormal(normals(generator.derived(UInt32(block), 0), d), d)
            let others = normals(generator.derived(UInt32(block), 1), d)
            for row in 0..<min(d, count - block * d) {
                let own = (row * d)..<((row + 1) * d)
                let length = others[own].reduce(0) { $0 + $1 * $1 }.squareRoot()
                rows += directions[own].map { $0 * length }
            }
        }
        return rows
    }

    /// d×d normal deviates.
    private static func normals(_ generator: Philox, _ d: Int) -> [Double] {
        let values = Buffer<Float>(uninitialized: d * d)
        generator.fillNormal(values, deviation: 1)
        return values.array.map(Double.init)
    }

    /// The rows made orthonormal one after the other: row i is in the span of the first i, and leans its own way.
    private static func orthonormal(_ x: [Double], _ d: Int) -> [Double] {
        guard let (q, _) = try? LAPACK.qr(DenseMatrix(Buffer(x), rows: d, columns: d).transposed) else {
            preconditionFailure("normal deviates are finite: QR refuses nothing else")
        }
        return q.transposed.values.array
    }
}
