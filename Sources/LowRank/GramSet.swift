import COpenBLAS
import Kernels
import LinearAlgebra
import Model

// M rows (tokens), H query heads on G key/value heads of width d. qkv: [M, (H + 2 G) d], queries, keys and values side by side.

/// The Grams of one head of keys and values: Gq = Σ q qᵀ over the query heads that share it, Gk = Σ k kᵀ, Gv = Σ v vᵀ, and
/// Go = Σ dO dOᵀ of the gradients of those heads' outputs, each d×d, symmetric and full; and Σ k.
public struct HeadGram: Sendable {
    public let query: DenseMatrix
    public let key: DenseMatrix
    public let value: DenseMatrix
    /// Go; zero until a backward pass has run.
    public let output: DenseMatrix
    /// [d] Σ k.
    public let keySum: Buffer<Double>
    /// Tokens summed, decayed as the Grams are.
    public let tokens: Double

    /// d.
    public var headWidth: Int { query.rows }

    /// Number of doubles of one head: query, key, value and output, d×d each, and the sum of keys.
    public static func count(headWidth d: Int) -> Int { 4 * d * d + d }

    /// A view of `values`.
    ///
    /// - Parameter tokens: how many are summed there.
    public init(_ values: Buffer<Double>, headWidth d: Int, tokens: Double = 0) {
        precondition(values.count == Self.count(headWidth: d), "\(values.count) doubles for Grams of width \(d)")
        func part(_ i: Int) -> DenseMatrix { DenseMatrix(values[(i * d * d)..<((i + 1) * d * d)], rows: d, columns: d) }
        query = part(0)
        key = part(1)
        value = part(2)
        output = part(3)
        keySum = values[(4 * d * d)..<values.count]
        self.tokens = tokens
    }

    /// [d] μ, the mean key; zeros where no token is summed.
    public var keyMean: [Double] { keySum.array.map { tokens > 0 ? $0 / tokens : 0 } }

    /// Σ (k − μ) (k − μ)ᵀ.
    public var centredKey: DenseMatrix {
        let centred = key.copy(), mean = keyMean
        for i in mean.indices { for j in mean.indices { centred[i, j] -= mean[i] * keySum[j] } }
        return centred
    }
}

/// The Grams of every head of a stage's layers, in one flat array that is allreduced.
///
/// Layout: [layers, heads, 4 d² + d] doubles, then [layers] numbers of tokens summed, decayed as the Grams are, and [layers]
/// of those whose outputs' gradients are. Everything in it is a sum over tokens, so adding the arrays of two ranks gives
/// the Grams of both ranks' tokens, and decay commutes with it: G ← decay · G + Σ x xᵀ is the exponential moving average up
/// to a factor that no basis sees.
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
        layers * (heads * HeadGram.count(headWidth: headWidth) + 2)
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
        return HeadGram(values[first..<(first + size)], headWidth: headWidth, tokens: weights[layer])
    }

    /// [layers] tokens summed, decayed as the Grams are.
    public var weights: Buffer<Double> { values[(values.count - 2 * layers)..<(values.count - layers)] }
    /// [layers] tokens whose outputs' gradients are summed.
    public var outputWeights: Buffer<Double> { values[(values.count - layers)..<values.count] }

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
            func first(_ columns: Range<Int>, _ head: Int) -> UnsafeMutablePointer<Float> {
                qkv.pointer + shape.columns(of: columns, head: head).lowerBound
            }
            switch part {
            case 0:
                for own in shape.queryHeads(of: index) {
                    gram.query.add(gramOf: first(shape.queries, own), rows: rows, distance: shape.columns)
                }
            case 1:
                gram.key.add(gramOf: first(shape.keys, index), rows: rows, distance: shape.columns)
                for row in 0..<rows {
                    let key = first(shape.keys, index) + row * shape.columns
                    for i in 0..<headWidth { gram.keySum[i] += Double(key[i]) }
                }
            default: gram.value.add(gramOf: first(shape.values, index), rows: rows, distance: shape.columns)
            }
        }
        weights[layer] += Double(rows)
    }

    /// Adds the gradients of the heads' outputs in a layer, `scale` times each; dout: [rows, H d].
    public func accumulate(
        outputGradients dout: Buffer<Float>, times scale: Double, rows: Int, layer: Int, _ shape: AttentionShape,
        on team: Team
    ) {
        precondition(layer >= 0 && layer < layers && dout.count >= rows * shape.width)
        precondition(shape.keyValueHeads == heads && shape.headWidth == headWidth, "Grams of another shape")
        team.tasks(heads) { index, _ in
            let sum = DenseMatrix(rows: headWidth, columns: headWidth), gram = head(layer: layer, head: index).output
            for own in shape.queryHeads(of: index) {
                sum.add(gramOf: dout.pointer + own * headWidth, rows: rows, distance: shape.width)
            }
            cblas_daxpy(blasint(sum.values.count), scale * scale, sum.values.pointer, 1, gram.values.pointer, 1)
        }
        outputWeights[layer] += Double(rows)
    }

    /// G ← decay · G + batch, weights alike: one step of the moving average, `batch` being summed over all replicas.
    public func average(adding batch: GramSet, decay: Double) {
        precondition(batch.layers == layers && batch.heads == heads && batch.headWidth == headWidth)
        let isKept = batch.outputWeights.array.allSatisfy { $0 == 0 }
        let kept = isKept ? outputParts.map(\.array) : []
        cblas_dscal(blasint(values.count), decay, values.pointer, 1)
        cblas_daxpy(blasint(values.count), 1, batch.values.pointer, 1, values.pointer, 1)
        // What no backward pass renews stays as it is: its decay would only lose digits.
        for (part, values) in zip(outputParts, kept) { part.copy(from: Buffer(values)) }
    }
}

extension GramSet {
    /// Everything that sums gradients of outputs.
    private var outputParts: [Buffer<Double>] {
        (0..<(layers * heads)).map { head(layer: $0 / heads, head: $0 % heads).output.values } + [outputWeights]
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
