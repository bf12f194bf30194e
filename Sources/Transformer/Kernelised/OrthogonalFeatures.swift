import Kernels

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
            let directions = orthonormal(normals(generator.derived(UInt32(block), 0), d * d), d)
            let others = normals(generator.derived(UInt32(block), 1), d * d)
            for row in 0..<min(d, count - block * d) {
                let own = (row * d)..<((row + 1) * d)
                let length = others[own].reduce(0) { $0 + $1 * $1 }.squareRoot()
                rows += directions[own].map { $0 * length }
            }
        }
        return rows
    }

    private static func normals(_ generator: Philox, _ count: Int) -> [Double] {
        let values = Buffer<Float>(uninitialized: count)
        generator.fillNormal(values, deviation: 1)
        return values.array.map(Double.init)
    }

    /// The rows made orthonormal by modified Gram–Schmidt, twice, which is enough (Giraud et al. 2005).
    private static func orthonormal(_ x: [Double], _ d: Int) -> [Double] {
        var x = x
        for row in 0..<d {
            for _ in 0..<2 {
                for other in 0..<row {
                    var dot = 0.0
                    for c in 0..<d { dot += x[row * d + c] * x[other * d + c] }
                    for c in 0..<d { x[row * d + c] -= dot * x[other * d + c] }
                }
            }
            var square = 0.0
            for c in 0..<d { square += x[row * d + c] * x[row * d + c] }
            let factor = 1 / square.squareRoot()
            for c in 0..<d { x[row * d + c] *= factor }
        }
        return x
    }
}
