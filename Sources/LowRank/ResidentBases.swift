import Kernels
import LinearAlgebra
import Model

// G heads of keys and values of width d.

/// The Grams of a range of layers and the bases that follow them: what a checkpoint holds of each layer under
/// `/lowrank/layer_i/…`, all float64.
public struct ResidentBases: Sendable {
    /// Those that this rank holds.
    public let layers: Range<Int>
    let grams: GramSet
    let bases: BasisSet
    private let configuration: ModelConfiguration

    /// Zeros: neither Grams nor bases yet.
    public init(_ configuration: ModelConfiguration, layers: Range<Int>) {
        let G = configuration.keyValueHeads, d = configuration.headWidth
        self.configuration = configuration
        self.layers = layers
        grams = GramSet(layers: layers.count, heads: G, headWidth: d)
        bases = BasisSet(layers: layers.count, heads: G, headWidth: d)
    }

    /// Whether there are bases: until a run has made them it keeps zeros.
    public var areMade: Bool { !layers.isEmpty && !bases.head(layer: 0, head: 0).isEmpty }

    /// Whether gradients of outputs have been summed, so that value bases can weigh what the loss weighs.
    public var knowLoss: Bool { grams.outputWeights.array.allSatisfy { $0 > 0 } }

    /// Puts value bases of these layers that keep `measure` best in the place of those that are there.
    ///
    /// - Throws: `LAPACKError` where a Gram has none.
    public func findValueBases(keeping measure: ValueMeasure) throws(LAPACKError) {
        for layer in 0..<layers.count {
            for (head, basis) in bases.layer(layer).enumerated() {
                let gram = grams.head(layer: layer, head: head)
                basis.set(
                    measure == .loss
                        ? try ValueBasis(gram: gram.value, outputGram: gram.output) : try ValueBasis(gram: gram.value))
            }
        }
    }

    /// An entry of every layer: its memory is that of layer `i` of those held.
    private struct LayerEntry {
        let name: String
        let shape: [Int]
        /// What its elements are in a checkpoint of before it was kept; nil for one that all have.
        var standIn: Double?
        let pieces: (_ i: Int) -> [Buffer<Double>]
    }

    private var layerEntries: [LayerEntry] {
        let G = configuration.keyValueHeads, d = configuration.headWidth
        func sums(_ layer: Int) -> [HeadGram] { (0..<G).map { grams.head(layer: layer, head: $0) } }
        return [
            LayerEntry(name: "gram", shape: [G, 3, d, d]) {
                sums($0).flatMap { [$0.query.values, $0.key.values, $0.value.values] }
            },
            LayerEntry(name: "gram_weight", shape: []) { [grams.weights[$0..<($0 + 1)]] },
            LayerEntry(name: "query_basis", shape: [G, d, d]) { bases.layer($0).map(\.query.values) },
            LayerEntry(name: "key_basis", shape: [G, d, d]) { bases.layer($0).map(\.key.values) },
            LayerEntry(name: "value_basis", shape: [G, d, d]) { bases.layer($0).map(\.value.values) },
            LayerEntry(name: "score_energy", shape: [G, d]) { bases.layer($0).map(\.scoreEnergies) },
            LayerEntry(name: "value_energy", shape: [G, d]) { bases.layer($0).map(\.valueEnergies) },
            // Zeros stand for `value_basis`, which `adopt` puts there.
            LayerEntry(name: "output_basis", shape: [G, d, d], standIn: 0) { bases.layer($0).map(\.output.values) },
            LayerEntry(name: "key_mean", shape: [G, d], standIn: 0) { bases.layer($0).map(\.keyMean) },
            LayerEntry(name: "key_sum", shape: [G, d], standIn: 0) { sums($0).map(\.keySum) },
            LayerEntry(name: "output_gram", shape: [G, d, d], standIn: 0) { sums($0).map(\.output.values) },
            LayerEntry(name: "output_gram_weight", shape: [], standIn: 0) { [grams.outputWeights[$0..<($0 + 1)]] },
        ]
    }
}

extension ResidentBases: Persistent {
    public var noun: String { "a Gram or basis" }
    /// Checkpoints of before there were any.
    public var mayBeAbsent: Bool { true }

    /// Gives bases of before there were outputs' own those of values.
    public func adopt() {
        for head in (0..<layers.count).flatMap(bases.layer) where head.output.frobeniusNorm == 0 {
            head.output.values.copy(from: head.value.values)
        }
    }

    public var entries: [PersistentEntry] {
        let layerEntries = layerEntries
        return (0..<configuration.layers).flatMap { layer in
            layerEntries.map {
                PersistentEntry(
                    "/lowrank/layer_\(layer)/\($0.name)", $0.shape,
                    layers.contains(layer) ? $0.pieces(layer - layers.lowerBound) : nil, standIn: $0.standIn)
            }
        }
    }
}
