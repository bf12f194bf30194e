import Kernels

// One sequence of L tokens, H heads of width d.

/// A basis of one sequence's values, which holds from a row on.
public struct ValueEpoch: Sendable {
    /// The first row that attends in it; a segment's first.
    public let start: Int
    /// [H, d, d] P, as `AttentionBasis.value`.
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
        _ input: AttentionInput, _ parameters: BlockParameters, refining refine: LowRankPass.Refinement,
        qkv: Buffer<Float>, attended: Buffer<Float>, lse: Buffer<Float>, into branch: Matrix, batch: MicroBatch
    ) {
        let L = batch.length, D = input.x.columns, H = attention.heads
        for b in 0..<batch.sequences {
            let rows = (b * L)..<((b + 1) * L), x = input.x.rows(rows), own = levels.ofSequence(b)
            func part(_ buffer: Buffer<Float>, _ width: Int) -> Buffer<Float> {
                buffer[(rows.lowerBound * width)..<(rows.upperBound * width)]
            }
            let sequence = MicroBatch(
                sequences: 1, length: L, tokens: batch.tokens[rows], targets: batch.targets[rows],
                samples: [batch.samples[b]])
            func attend(_ folded: FoldedAttention, _ positions: Range<Int>) {
                LowRankLayer(folded, attention, own, on: team).forward(
                    x, qkv: part(qkv, 3 * D), attended: part(attended, D), lse: part(lse, H), into: branch.rows(rows),
                    batch: sequence, dropout: nil, layer: input.layer, positions: positions)
            }
            let epochs = refine(AttentionInput(layer: input.layer, x: x, weight: input.weight, bias: input.bias))
            attend(folded, 0..<(epochs.first?.start ?? L))
            for (i, epoch) in epochs.enumerated() {
                let positions = epoch.start..<(i + 1 < epochs.count ? epochs[i + 1].start : L)
                let refined = FoldedAttention(
                    folded, valueRanks: own.valueRanks(at: positions), valueBasis: epoch.basis)
                refined.foldValues(parameters, on: team)
                attend(refined, positions)
            }
        }
    }
}
