import Kernels
import Model
import Synchronization

/// Sums what a pass decides, for each layer of a stage and each segment, over sequences and micro-batches.
public final class TraceTally: Sendable {
    private let configuration: ModelConfiguration
    private let options: RankOptions
    private let layers: Range<Int>
    private let sums: Mutex<TraceSums>

    /// For the layers of one stage and sequences of at most one context.
    public init(_ configuration: ModelConfiguration, layers: Range<Int>, options: RankOptions) {
        self.configuration = configuration
        self.options = options
        self.layers = layers
        sums = Mutex(TraceSums(layers: layers.count, segments: options.segments(of: configuration.context)))
    }

    /// Forgets the last pass.
    public func reset() { sums.withLock { $0.values.fill(0) } }

    /// Adds the levels of a layer and micro-batch.
    ///
    /// - Parameters:
    ///   - logProbabilities: [B × S] ln of each level's probability; nil, or NaN for one, where none was drawn.
    ///   - layer: its number in the model.
    ///   - perturbation: ‖A − A_r‖_F / ‖A‖_F of the layer's heads at a level.
    public func add(
        _ levels: SegmentLevels, logProbabilities: [Double]? = nil, layer: Int, batch: MicroBatch,
        perturbation: (Level) -> Double
    ) {
        let segments = options.segments(of: batch.length), own = layer - layers.lowerBound
        let largest = options.largestLevel(ofLayer: layer)
        sums.withLock { sums in
            for i in 0..<(batch.sequences * segments) {
                let (b, segment) = (i / segments, i % segments)
                func add(_ value: Double, _ field: TraceSums.Field) { sums[own, segment, field] += value }
                let mean = levels.means(sequence: b, segment: segment, length: batch.length, perturbation)
                add(1, .levels)
                add(mean.scoreRank, .scoreRank)
                add(mean.valueRank, .valueRank)
                add(mean.other, .perturbation)
                add(
                    Double(configuration.segmentFLOPs(
                        levels, sequence: b, largest: largest, segment: segment, length: batch.length)),
                    .flops)
            }
            if let logProbabilities {
                add(logProbabilities, to: &sums, layer: own, segments, .logProbability, counting: .logProbabilities)
            }
        }
    }

    /// Adds the rewards (Eq. 12) of a layer and micro-batch, [B × S]: NaN where none was measured.
    public func add(rewards: [Double], layer: Int, batch: MicroBatch) {
        sums.withLock {
            add(
                rewards, to: &$0, layer: layer - layers.lowerBound, rewards.count / batch.sequences, .reward,
                counting: .rewards)
        }
    }

    /// Values of which some may be missing (NaN), sequence by sequence.
    private func add(
        _ values: [Double], to sums: inout TraceSums, layer: Int, _ segments: Int, _ field: TraceSums.Field,
        counting count: TraceSums.Field
    ) {
        for (i, value) in values.enumerated() where !value.isNaN {
            sums[layer, i % segments, field] += value
            sums[layer, i % segments, count] += 1
        }
    }

    /// Mean score rank and value rank over all segments of all layers; d where attention was full.
    public var meanRanks: (score: Double, value: Double) {
        sums.withLock { sums in
            let count = sums.total(.levels), d = Double(configuration.headWidth)
            return count == 0 ? (d, d) : (sums.total(.scoreRank) / count, sums.total(.valueRank) / count)
        }
    }

    /// The sums among zeros for the layers of other stages: what is to be added over all ranks.
    public var ofAllLayers: TraceSums {
        sums.withLock { own in
            let all = TraceSums(layers: configuration.layers, segments: own.segments)
            let first = layers.lowerBound * own.values.count / max(own.layers, 1)
            all.values[first..<(first + own.values.count)].copy(from: own.values)
            return all
        }
    }
}
