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
    private func rows(segment s: Int, length: Int, sample: UInt64, layer: Int) -> [Int] {
        let T = options.segment, first = s * T, count = min(T, length - first)
        let n = min(Self.rowsPerSegment, count)
        return (0..<n).map { i in
            let stratum = (count * i / n)..<(count * (i + 1) / n)
            let draw = generator.derived(UInt32(s), UInt32(layer), UInt32(i), RandomPurpose.rewardRows)
                .uniform(sample.low, sample.high)
            return first + stratum.lowerBound + Int(draw * Double(stratum.count))
        }
    }

    /// What is to be judged in a segment: levels, by their indices in the list.
    struct Question: Sendable {
        let segment: Int
        let levels: [Int]
        /// What attention gave at the only level; nil to try the levels.
        var given: Given?
    }

    /// P_rvᵀ o_r by head and row of the sequence.
    typealias Given = @Sendable (_ head: Int, _ row: Int) -> Buffer<Float>

    /// The reward of each level asked for, by question; their segments increase.
    ///
    /// Questions asked together make larger products, but all see as many keys as the last.
    ///
    /// - Parameter overhead: FLOPs of upkeep and policy that a segment costs whatever its level.
    func rewards(
        _ sequence: RewardMeter.Sequence, layer: Int, sample: UInt64, length: Int, _ questions: [Question], overhead: Int
    ) -> [[Double]] {
        let own = layers[layer - firstLayer], list = options.levels
        let rows = questions.map { self.rows(segment: $0.segment, length: length, sample: sample, layer: layer) }
        let cosines = own.meter.cosines(
            sequence, zip(questions, rows).flatMap { question, rows in
                rows.map { row in
                    guard let given = question.given else {
                        return RewardMeter.Trial(row: row, levels: question.levels.map { list[$0] })
                    }
                    return RewardMeter.Trial(
                        row: row, level: list[question.levels[0]],
                        given: (0..<configuration.heads).map { given($0, row) })
                }
            })
        var first = 0
        return zip(questions, rows).map { question, rows in
            let seen = cosines[first..<(first + rows.count)]
            first += rows.count
            let full = configuration.fullSegmentFLOPs(
                segment: question.segment, segmentLength: options.segment, length: length)
            return question.levels.enumerated().map { i, level in
                let similarity = seen.reduce(0) { $0 + $1[i] } / Double(seen.count)
                let flops = configuration.segmentFLOPs(
                    level: list[level], largest: list[list.count - 1], segment: question.segment,
                    segmentLength: options.segment, length: length)
                return weights.alpha * similarity - weights.beta * Double(flops + overhead) / Double(full)
                    - weights.gamma * own.perturbations[level]
            }
        }
    }
}

/// The part of sequence `b` in what a layer's attention reads.
func sequence(_ b: Int, of input: AttentionInput, _ batch: MicroBatch) -> RewardMeter.Sequence {
    RewardMeter.Sequence(
        x: input.x.rows((b * batch.length)..<((b + 1) * batch.length)), weight: input.weight, bias: input.bias)
}
