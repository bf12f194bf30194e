import Kernels
import LinearAlgebra

/// Both bases of one head, as a view of 4d² + 3d doubles: Bq, Bk, C and D (d×d each), σ² and λ, and μ (d each).
public struct HeadBasis: Sendable {
    /// Bq, Bk, C and D, as in `AttentionBasis`.
    public let query: DenseMatrix
    public let key: DenseMatrix
    public let value: DenseMatrix
    public let output: DenseMatrix
    let scoreEnergies: Buffer<Double>
    let valueEnergies: Buffer<Double>
    /// μ.
    public let keyMean: Buffer<Double>

    /// Number of doubles of one head.
    public static func count(headWidth d: Int) -> Int { 4 * d * d + 3 * d }

    /// A view of `values`.
    public init(_ values: Buffer<Double>, headWidth d: Int) {
        precondition(values.count == Self.count(headWidth: d), "\(values.count) doubles for a basis of width \(d)")
        func part(_ i: Int) -> DenseMatrix { DenseMatrix(values[(i * d * d)..<((i + 1) * d * d)], rows: d, columns: d) }
        query = part(0)
        key = part(1)
        value = part(2)
        output = part(3)
        func vector(_ i: Int) -> Buffer<Double> { values[(4 * d * d + i * d)..<(4 * d * d + (i + 1) * d)] }
        scoreEnergies = vector(0)
        valueEnergies = vector(1)
        keyMean = vector(2)
    }

    /// A basis of its own by full decomposition of the head's Grams.
    ///
    /// - Throws: `LAPACKError`.
    public init(_ gram: HeadGram, ridge: Double = ScoreBasis.defaultRidge) throws(LAPACKError) {
        let d = gram.headWidth
        self.init(Buffer(count: Self.count(headWidth: d), repeating: 0), headWidth: d)
        set(try ScoreBasis(queryGram: gram.query, keyGram: gram.key, ridge: ridge), try ValueBasis(gram: gram.value))
    }

    /// d.
    public var headWidth: Int { query.rows }
    /// σ_k² of the scores, on the Grams the basis was built on.
    public var scoreSpectrum: Spectrum { Spectrum(energies: scoreEnergies.array) }
    /// λ_k of the values, or σ_k² of what their basis was built for.
    public var valueSpectrum: Spectrum { Spectrum(energies: valueEnergies.array) }
    /// Whether no basis has been written here yet: all zeros.
    public var isEmpty: Bool { query.frobeniusNorm == 0 }

    /// Writes a score basis in place.
    func set(_ score: ScoreBasis) {
        query.values.copy(from: score.query.values)
        key.values.copy(from: score.key.values)
        scoreEnergies.copy(from: Buffer(score.spectrum.energies))
    }

    /// Writes a value basis in place.
    func set(_ basis: ValueBasis) {
        value.values.copy(from: basis.value.values)
        output.values.copy(from: basis.output.values)
        valueEnergies.copy(from: Buffer(basis.spectrum.energies))
    }

    func set(_ score: ScoreBasis, _ value: ValueBasis) {
        set(score)
        set(value)
    }
}

/// The bases of every head of a stage's layers, in one flat array for the checkpoint: [layers, heads, 4d² + 3d] doubles.
public struct BasisSet: Sendable {
    public let layers: Int
    public let heads: Int
    /// d.
    public let headWidth: Int
    /// The whole, in the layout above.
    public let values: Buffer<Double>

    /// Length of `values`.
    public static func count(layers: Int, heads: Int, headWidth: Int) -> Int {
        layers * heads * HeadBasis.count(headWidth: headWidth)
    }

    /// All heads empty.
    public init(layers: Int, heads: Int, headWidth: Int) {
        let count = Self.count(layers: layers, heads: heads, headWidth: headWidth)
        self.init(Buffer(count: count, repeating: 0), layers: layers, heads: heads, headWidth: headWidth)
    }

    /// A view of `values`, which has `count(…)` elements.
    public init(_ values: Buffer<Double>, layers: Int, heads: Int, headWidth: Int) {
        let count = Self.count(layers: layers, heads: heads, headWidth: headWidth)
        precondition(values.count == count, "\(values.count) doubles for a basis set of \(count)")
        self.layers = layers
        self.heads = heads
        self.headWidth = headWidth
        self.values = values
    }

    /// The basis of one head; `layer` counts from the stage's first.
    public func head(layer: Int, head: Int) -> HeadBasis {
        precondition(layer >= 0 && layer < layers && head >= 0 && head < heads, "head \(head) of layer \(layer)")
        let size = HeadBasis.count(headWidth: headWidth), first = (layer * heads + head) * size
        return HeadBasis(values[first..<(first + size)], headWidth: headWidth)
    }

    /// The bases of one layer's heads.
    public func layer(_ layer: Int) -> [HeadBasis] { (0..<heads).map { head(layer: layer, head: $0) } }
}
