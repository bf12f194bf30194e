import Kernels
import Transformer

// T tokens a segment, S segments; K levels.

/// Eq. 12 for the layers of one stage, on the bases as they stand.
struct RewardModel: Sendable {
    /// Query rows looked at in a segment.
    static let rowsPerSegment = 2

    let configuration: ModelConfiguration
    let options: RankOptions
    let weights: RewardWeights
    let layers: [Layer]
    let firstLayer: Int
    /// Draws the rows, for each step, sample, layer and segment.
    let generator: Philox

    /// A layer's meter, and ‖ΔA‖_F / ‖A‖_F of each level.
    struct Layer: Sendable {
        let meter: RewardMeter
        let perturbations: [Double]
    }

    /// The rows of segment `s` at which it is measured, increasing.
    func rows(segment s: Int, length: Int, sample: UInt64, layer: Int) -> [Int] {
        let T = options.segment, first = s * T, count = min(T, length - first)
        let n = min(Self.rowsPerSegment, count)
        return (0..<n).map { i in
            let stratum = (count * i / n)..<(count * (i + 1) / n)
            let draw = generator.derived(UInt32(s), UInt32(layer), UInt32(i), RandomPurpose.rewardRows)
                .uniform(sample.low, sample.high)
            return first + stratum.lowerBound + Int(draw * Double(stratum.count))
        }
    }

    /// The reward of each of `levels` (indices of the list) in segment `segment` of a sequence, measured at `rows`.
    ///
    /// - Parameter overhead: FLOPs of upkeep and policy that a segment costs whatever its level.
    func rewards(
        _ sequence: RewardMeter.Sequence, layer: Int, segment: Int, length: Int, rows: [Int], levels: [Int], overhead: Int
    ) -> [Double] {
        let own = layers[layer - firstLayer], list = options.levels
        let cosines = own.meter.cosines(sequence, rows: rows, levels: levels.map { list[$0] })
        let full = configuration.fullSegmentFLOPs(segment: segment, segmentLength: options.segment, length: length)
        return levels.enumerated().map { i, level in
            let similarity = cosines.reduce(0) { $0 + $1[i] } / Double(cosines.count)
            let flops = configuration.segmentFLOPs(
                level: list[level], largest: list[list.count - 1], segment: segment, segmentLength: options.segment,
                length: length)
            return weights.alpha * similarity - weights.beta * Double(flops + overhead) / Double(full)
                - weights.gamma * own.perturbations[level]
        }
    }
}

/// The part of sequence `b` in what a layer's attention reads.
func sequence(_ b: Int, of input: AttentionInput, _ batch: MicroBatch) -> RewardMeter.Sequence {
    RewardMeter.Sequence(
        x: input.x.rows((b * batch.length)..<((b + 1) * batch.length)), weight: input.weight, bias: input.bias)
}
