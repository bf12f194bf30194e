import Kernels

/// What was decided in a step, summed over sequences: for each layer and segment a cell of `Field.allCases`.
///
/// Layout: [layers, segments, fields] doubles, one flat array. All of it are sums, so adding the arrays of two ranks gives
/// that of both ranks' sequences and layers; counts, ranks and FLOPs are whole numbers, whose sums are exact.
public struct TraceSums: Sendable {
    /// What a cell sums, in its order.
    public enum Field: Int, CaseIterable, Sendable {
        /// Sequences that ran at a level here.
        case levels
        case scoreRank, valueRank
        /// ‖A − A_r‖_F / ‖A‖_F of the heads together.
        case perturbation
        /// Floating-point operations of the forward pass.
        case flops
        /// Rewards, and how many were measured.
        case reward, rewards
        /// ln of the probabilities of the levels drawn, and how many have one.
        case logProbability, logProbabilities
    }

    public let layers: Int
    public let segments: Int
    /// The whole, in the layout above.
    public let values: Buffer<Double>

    /// Zeros.
    public init(layers: Int, segments: Int) {
        self.layers = layers
        self.segments = segments
        values = Buffer(count: layers * segments * Field.allCases.count, repeating: 0)
    }

    public subscript(layer: Int, segment: Int, field: Field) -> Double {
        get { values[index(layer, segment, field)] }
        nonmutating set { values[index(layer, segment, field)] = newValue }
    }

    private func index(_ layer: Int, _ segment: Int, _ field: Field) -> Int {
        precondition(
            (0..<layers).contains(layer) && (0..<segments).contains(segment), "segment \(segment) of layer \(layer)")
        return (layer * segments + segment) * Field.allCases.count + field.rawValue
    }

    /// Sum of a field over all cells.
    func total(_ field: Field) -> Double {
        (0..<(layers * segments)).reduce(0) { $0 + values[$1 * Field.allCases.count + field.rawValue] }
    }
}
