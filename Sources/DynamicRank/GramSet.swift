import COpenBLAS
import Kernels
import Transformer

// M rows (tokens), H query heads on G key/value heads of width d. qkv: [M, (H + 2 G) d], queries, keys and values side by side.

/// The Grams of one head of keys and values: Gq = Σ q qᵀ over the query heads that share it, Gk = Σ k kᵀ, Gv = Σ v vᵀ, each
/// d×d, symmetric and full.
public struct HeadGram: Sendable {
    public let query: DenseMatrix
    public let key: DenseMatrix
    public let value: DenseMatrix

    /// d.
    public var headWidth: Int { query.rows }

    /// Number of doubles of one head: three d×d matrices, in the order query, key, value.
    public static func count(headWidth d: Int) -> Int { 3 * d * d }

    /// A view of `values`.
    public init(_ values: Buffer<Double>, headWidth d: Int) {
        precondition(values.count == Self.count(headWidth: d), "\(values.count) doubles for Grams of width \(d)")
        func part(_ i: Int) -> DenseMatrix { DenseMatrix(values[(i * d * d)..<((i + 1) * d * d)], rows: d, columns: d) }
        query = part(0)
        key = part(1)
        value = part(2)
    }
}

/// The Grams of every head of a stage's layers, in one flat array that is allreduced and saved as it is.
///
/// Layout: [layers, heads, 3, d, d] doubles, then [layers] weights, the number of tokens summed (decayed as the Grams are).
/// Everything in it is a sum over tokens, so adding the arrays of two ranks gives the Grams of both ranks' tokens, and
/// decay commutes with it: G ← decay · G + Σ x xᵀ is the exponential moving average up to a factor that no basis sees.
public struct GramSet: Sendable {
    public let layers: Int
    /// G.
    public let heads: Int
    /// d.
    public let headWidth: Int
    /// The whole, in the layout above.
    public let values: Buffer<Double>

    /// Length of `values`.
    public static func count(layers: Int, heads: Int, headWidth: Int) -> Int {
        layers * (heads * HeadGram.count(headWidth: headWidth) + 1)
    }

    /// Zeros.
    public init(layers: Int, heads: Int, headWidth: Int) {
        let count = Self.count(layers: layers, heads: heads, headWidth: headWidth)
        self.init(Buffer(count: count, repeating: 0), layers: layers, heads: heads, headWidth: headWidth)
    }

    /// A view of `values`, which has `count(…)` elements.
    public init(_ values: Buffer<Double>, layers: Int, heads: Int, headWidth: Int) {
        let count = Self.count(layers: layers, heads: heads, headWidth: headWidth)
        precondition(values.count == count, "\(values.count) doubles for a Gram set of \(count)")
        self.layers = layers
        self.heads = heads
        self.headWidth = headWidth
        self.values = values
    }

    /// The Grams of one head; `layer` counts from the stage's first.
    public func head(layer: Int, head: Int) -> HeadGram {
        precondition(layer >= 0 && layer < layers && head >= 0 && head < heads, "head \(head) of layer \(layer)")
        let size = HeadGram.count(headWidth: headWidth), first = (layer * heads + head) * size
        return HeadGram(values[first..<(first + size)], headWidth: headWidth)
    }

    /// [layers] tokens summed, decayed as the Grams are.
    public var weights: Buffer<Double> { values[(values.count - layers)..<values.count] }

    /// Adds the first `rows` rows of a layer's activation, as SSYRK in tiles.
    ///
    /// qkv: [rows, (H + 2 G) d]. Elements that are NaN or infinite make the Grams so; the decompositions refuse those.
    ///
    /// - Parameter shape: the layer's; H = G unless told.
    public func accumulate(
        _ qkv: Buffer<Float>, rows: Int, layer: Int, _ shape: AttentionShape? = nil, on team: Team
    ) {
        let shape = shape ?? AttentionShape(heads: heads, headWidth: headWidth)
        precondition(layer >= 0 && layer < layers && rows >= 0)
        precondition(shape.keyValueHeads == heads && shape.headWidth == headWidth, "Grams of another shape")
        precondition(qkv.count >= rows * shape.columns, "\(qkv.count) floats for \(rows) rows of \(shape.columns)")
        guard rows > 0 else { return }
        team.tasks(heads * 3) { task, _ in
            let part = task % 3, index = task / 3, gram = head(layer: layer, head: index)
            func add(_ columns: Range<Int>, _ head: Int, to gram: DenseMatrix) {
                gram.add(
                    gramOf: qkv.pointer + shape.columns(of: columns, head: head).lowerBound, rows: rows,
                    distance: shape.columns)
            }
            switch part {
            case 0: for own in shape.queryHeads(of: index) { add(shape.queries, own, to: gram.query) }
            case 1: add(shape.keys, index, to: gram.key)
            default: add(shape.values, index, to: gram.value)
            }
        }
        weights[layer] += Double(rows)
    }

    /// G ← decay · G + batch, weights alike: one step of the moving average, `batch` being summed over all replicas.
    public func average(adding batch: GramSet, decay: Double) {
        precondition(batch.layers == layers && batch.heads == heads && batch.headWidth == headWidth)
        cblas_dscal(blasint(values.count), decay, values.pointer, 1)
        cblas_daxpy(blasint(values.count), 1, batch.values.pointer, 1, values.pointer, 1)
    }
}

extension DenseMatrix {
    /// Rows a float32 product sums before float64 takes over, at half the time of a float64 product. Rounding of the
    /// partial sums stays near 1e-7 of the largest eigenvalue, below the mean one times `ScoreBasis.defaultRidge`
    /// where that is not over ten times smaller.
    private static let tileRows = 256

    /// Adds Σ x xᵀ of `count` rows x, `distance` floats apart, of as many elements as the matrix has columns.
    func add(gramOf source: UnsafePointer<Float>, rows count: Int, distance: Int) {
        let d = columns, target = values.pointer
        let tile = Buffer<Float>(count: d * d, repeating: 0)
        for first in stride(from: 0, to: count, by: Self.tileRows) {
            cblas_ssyrk(
                CblasRowMajor, CblasLower, CblasTrans, blasint(d), blasint(min(Self.tileRows, count - first)), 1,
                source + first * distance, blasint(distance), 0, tile.pointer, blasint(d))
            for i in 0..<d {
                for j in 0..<i {
                    let value = Double(tile.pointer[i * d + j])
                    target[i * d + j] += value
                    target[j * d + i] += value
                }
                target[i * d + i] += Double(tile.pointer[i * d + i])
            }
        }
    }
}
