import Kernels

// One sequence of L tokens, H heads of width d.

/// A basis of one sequence's values, which holds from a row on.
public struct ValueEpoch: Sendable {
    /// The first row that attends in it; a segment's first.
    public let start: Int
    /// [G, d, d] P, as `AttentionBasis.value`.
    public let basis: Buffer<Float>

    public init(start: Int, basis: Buffer<Float>) {
        self.start = start
        self.basis = basis
    }
}

extension LowRankPass {
    /// Finds bases for the values of one sequence in one layer, whose rows alone it is given: by rising start above 0, each
    /// from rows before its start and no other. Before the first start the pass's own bases hold.
    public typealias Refinement = @Sendable (AttentionInput) -> [ValueEpoch]
}

extension LowRankLayer {
    /// `forward` with value bases that change along each sequence, for inference: the rows of an epoch attend in its basis,
    /// in which the values of all rows up to its end are projected again. Nothing is left for a backward pass.
    func forward(
        _ x: Matrix, _ kept: KeptAttention, into branch: Matrix, _ pass: AttentionPass,
        refining refine: LowRankPass.Refinement
    ) {
        let L = pass.batch.length
        for b in 0..<pass.batch.sequences {
            let rows = (b * L)..<((b + 1) * L), own = chosen.levels.ofSequence(b), sequence = pass.ofSequence(b)
            func attend(_ folded: FoldedAttention, _ positions: Range<Int>) {
                LowRankLayer(
                    folded: folded, maps: maps, attention: attention, chosen: ChosenLevels(own), refine: nil,
                    rotated: rotated
                ).attend(x.rows(rows), kept.rows(rows, maps.shape), into: branch.rows(rows), sequence, positions: positions)
            }
            let epochs = refine(AttentionInput(layer: pass.layer, x: x.rows(rows), maps: maps))
            attend(folded, 0..<(epochs.first?.start ?? L))
            for (i, epoch) in epochs.enumerated() {
                let positions = epoch.start..<(i + 1 < epochs.count ? epochs[i + 1].start : L)
                let refined = FoldedAttention(
                    folded, valueRanks: own.valueRanks(at: positions, headWidth: maps.shape.headWidth), valueBasis: epoch.basis)
                refined.foldValues(maps, on: pass.team)
                attend(refined, positions)
            }
        }
    }
}

extension AttentionPass {
    /// The part of sequence `b`, without dropout.
    fileprivate func ofSequence(_ b: Int) -> AttentionPass {
        let rows = (b * batch.length)..<((b + 1) * batch.length)
        return AttentionPass(
            layer: layer,
            batch: MicroBatch(
                sequences: 1, length: batch.length, tokens: batch.tokens[rows], targets: batch.targets[rows],
                samples: [batch.samples[b]]),
            team: team)
    }
}

extension KeptAttention {
    /// The part of some rows.
    fileprivate func rows(_ rows: Range<Int>, _ shape: AttentionShape) -> KeptAttention {
        func part(_ buffer: Buffer<Float>, _ width: Int) -> Buffer<Float> {
            buffer[(rows.lowerBound * width)..<(rows.upperBound * width)]
        }
        return KeptAttention(
            qkv: part(qkv, shape.columns), attended: part(attended, shape.width), lse: part(lse, shape.heads))
    }
}
