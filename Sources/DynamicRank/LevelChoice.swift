import Kernels
import Transformer

/// Names the levels of one pass: a pure function of the strategy, the bases' spectra and, for `random`, of
/// (seed, step, sample, layer, segment), so that the grid does not matter and no later token does.
struct LevelChoice: Sendable {
    let options: RankOptions
    /// By layer of the stage, from the first: what the energy rule names.
    let energyLevels: [Level]
    let firstLayer: Int
    let generator: Philox

    init(_ options: RankOptions, bases: BasisSet, firstLayer: Int, seed: UInt64, step: Int) {
        self.options = options
        self.firstLayer = firstLayer
        generator = Philox(key: seed).derived(
            UInt32(truncatingIfNeeded: step), UInt32(truncatingIfNeeded: step >> 32), 0, RandomPurpose.levels)
        if case .energy(let threshold) = options.strategy {
            energyLevels = (0..<bases.layers).map { Self.energyLevel(bases.layer($0), options.levels, threshold) }
        } else {
            energyLevels = []
        }
    }

    /// The cheapest level that keeps the share `threshold` of the energy of all heads together.
    private static func energyLevel(_ heads: [HeadBasis], _ levels: [Level], _ threshold: Double) -> Level {
        levels[LayerSpectra(heads).smallest(of: levels, reaching: threshold)]
    }

    /// What is decided for a layer and micro-batch; nil for full attention.
    func decide(_ input: AttentionInput, _ batch: MicroBatch) -> Decisions? {
        levels(layer: input.layer, batch: batch).map { Decisions(levels: $0) }
    }

    private func levels(layer: Int, batch: MicroBatch) -> SegmentLevels? {
        let segments = (batch.length + options.segment - 1) / options.segment
        func each(_ level: (_ sequence: Int, _ segment: Int) -> Level) -> SegmentLevels {
            SegmentLevels(
                segment: options.segment, segments: segments,
                levels: (0..<(batch.sequences * segments)).map { level($0 / segments, $0 % segments) })
        }
        switch options.strategy {
        case .full, .policy, .oracle, .performer, .nystrom: return nil
        case .fixed:
            let level = options.levels(ofLayer: layer)[0]
            return each { _, _ in level }
        case .energy: return each { _, _ in energyLevels[layer - firstLayer] }
        case .random(let histogram):
            let shares = histogram?[layer] ?? options.levels.map { _ in 1 }
            return each { sequence, segment in
                let sample = batch.samples[sequence]
                let draw = generator.uniform(
                    UInt32(segment), UInt32(layer), UInt32(truncatingIfNeeded: sample),
                    UInt32(truncatingIfNeeded: sample >> 32))
                return options.levels[Self.index(drawing: draw, from: shares)]
            }
        }
    }

    /// The index that `draw`, uniform in [0, 1), means where each has its share of the sum.
    private static func index(drawing draw: Double, from shares: [Double]) -> Int {
        var left = draw * shares.reduce(0, +)
        for (i, share) in shares.enumerated() where share > 0 {
            if left < share { return i }
            left -= share
        }
        return shares.lastIndex { $0 > 0 } ?? 0
    }
}
