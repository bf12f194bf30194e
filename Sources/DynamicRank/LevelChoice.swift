import Transformer

/// Names the levels of one pass: a pure function of the strategy, the bases' spectra and, for `random`, of
/// (seed, step, sample, layer, segment), so that the grid does not matter and no later token does.
struct LevelChoice: Sendable {
    let options: RankOptions
    /// By layer of the stage, from the first: what the energy rule names.
    let energyLevels: [Level]
    let firstLayer: Int
    let draw: LevelDraw

    /// - Parameter spectra: by layer of the stage, from `firstLayer`.
    init(_ options: RankOptions, spectra: [LayerSpectra], firstLayer: Int, draw: LevelDraw) {
        self.options = options
        self.firstLayer = firstLayer
        self.draw = draw
        if case .energy(let threshold) = options.strategy {
            energyLevels = spectra.map { options.levels[$0.smallest(of: options.levels, reaching: threshold)] }
        } else {
            energyLevels = []
        }
    }

    /// What is decided for a layer and micro-batch; nil for full attention.
    func decide(_ input: AttentionInput, _ batch: MicroBatch) -> Decisions? {
        levels(layer: input.layer, batch: batch).map { Decisions(levels: $0) }
    }

    private func levels(layer: Int, batch: MicroBatch) -> SegmentLevels? {
        let segments = options.segments(of: batch.length)
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
                let drawn = draw(sample: batch.samples[sequence], layer: layer, segment: segment)
                return options.levels[LevelDraw.index(of: drawn, among: shares)]
            }
        }
    }
}
