import Kernels
import Model

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

    /// P_rvᵀ o_r by head and row of the sequence.
    typealias Given = @Sendable (_ head: Int, _ row: Int) -> Buffer<Float>

    /// What is to be judged in a segment: levels, by their indices in the list.
    enum Question: Sendable {
        /// Whatever each of these would give.
        case levels([Int], segment: Int)
        /// What attention gave at this one.
        case ran(Int, Given, segment: Int)

        var segment: Int {
            switch self {
            case .levels(_, let segment), .ran(_, _, let segment): segment
            }
        }

        var levels: [Int] {
            switch self {
            case .levels(let levels, _): levels
            case .ran(let level, _, _): [level]
            }
        }
    }

    private func outputs(of question: Question, row: Int) -> RewardMeter.Trial.Outputs {
        switch question {
        case .levels(let levels, _): .tried(levels.map { options.levels[$0] })
        case .ran(let level, let given, _):
            .given((0..<configuration.heads).map { given($0, row) }, at: options.levels[level])
        }
    }

    /// The reward of each level asked for, by question; their segments increase.
    ///
    /// Questions asked together make larger products.
    ///
    /// - Parameter overhead: FLOPs of upkeep and policy that a segment costs whatever its level.
    func rewards(
        _ sequence: RewardMeter.Sequence, layer: Int, sample: UInt64, length: Int, _ questions: [Question], overhead: Int
    ) -> [[Double]] {
        let own = layers[layer - firstLayer], list = options.levels
        let rows = questions.map { self.rows(segment: $0.segment, length: length, sample: sample, layer: layer) }
        let cosines = own.meter.cosines(
            sequence, zip(questions, rows).flatMap { question, rows in
                rows.map { RewardMeter.Trial(row: $0, outputs(of: question, row: $0)) }
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
        x: input.x.rows((b * batch.length)..<((b + 1) * batch.length)), map: input.map)
}
