import COpenBLAS
import Kernels
import LinearAlgebra
import Model
import Synchronization
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What the policy is told of a layer, whatever the text: statistics of W_Q, W_K and W_V, its depth, and the energy that
/// each level keeps (the NER curve of Eq. 15).
public struct LayerFacts: Sendable {
    /// [9 + 1 + 2 K], each of order 1.
    public let values: [Float]

    static func count(levels K: Int) -> Int { 9 + 1 + 2 * K }

    /// Of several layers, [N], each on a thread of its own: products are with vectors.
    public static func ofLayers(
        _ weights: [Matrix], _ shape: AttentionShape, depths: [Double], shares: [[(score: Double, value: Double)]], on team: Team
    ) -> [LayerFacts] {
        let facts = Mutex([LayerFacts?](repeating: nil, count: weights.count))
        team.tasks(weights.count) { i, _ in
            let own = LayerFacts(weight: weights[i], shape, depth: depths[i], shares: shares[i], on: team.solo)
            facts.withLock { $0[i] = own }
        }
        return facts.withLock { $0.compactMap(\.self) }
    }

    /// - Parameters:
    ///   - weight: [D, (H + 2 G) d] the weights of queries, keys and values.
    ///   - depth: the layer's place in the model, 0 … 1.
    ///   - shares: the share of energy that each level keeps, of scores and of values.
    public init(weight: Matrix, _ shape: AttentionShape, depth: Double, shares: [(score: Double, value: Double)], on team: Team) {
        let D = weight.rows
        var values: [Double] = []
        for part in [shape.queries, shape.keys, shape.values] {
            // Its statistics are its transpose's, and rows are to lie in a row.
            let columns = weight.columns(part), own = columns.isTransposed ? columns.transposed : columns
            let (mean, variance) = Self.moments(own)
            let norm = PowerIteration.spectralNorm(own, on: team)
            // A matrix of this variance and independent elements has ‖W‖₂ ≈ 2 √(D variance).
            let deviation = variance.squareRoot()
            values += [
                deviation > 0 ? mean / deviation * 10 : 0, log(max(deviation, 1e-12) / 0.02),
                deviation > 0 ? log(max(norm, 1e-12) / (2 * deviation * Double(D).squareRoot())) : 0,
            ]
        }
        values.append(2 * depth - 1)
        for share in shares { values += [2 * share.score - 1, 2 * share.value - 1] }
        self.values = values.map { Float($0) }
    }

    /// Rows are summed in float32, rows' sums in float64.
    private static func moments(_ w: Matrix) -> (mean: Double, variance: Double) {
        let means = Buffer<Float>(uninitialized: w.columns)
        meanRows(w, into: means)
        let mean = means.array.reduce(0) { $0 + Double($1) } / Double(w.columns)
        var squares = 0.0
        for row in 0..<w.rows {
            let start = w.pointer + row * w.stride
            squares += Double(cblas_sdot(blasint(w.columns), start, 1, start, 1))
        }
        return (mean, max(squares / Double(w.rows * w.columns) - mean * mean, 0))
    }
}
