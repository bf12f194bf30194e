import Kernels
import Model
import Testing

/// What sublayers say of themselves is what is counted and allocated.
@Suite struct SublayerCountsTests {
    private static let kinds: [FlopKind] = [.projections, .scores, .values]

    /// The sublayer of a layer in a pass over `batch`.
    private static func sublayer(
        _ stage: TransformerStage, _ batch: MicroBatch, _ pass: LowRankPass?, layer: Int = 1
    ) -> any AttentionSublayer {
        let D = stage.configuration.width
        let x = Matrix(
            Buffer(SampleValues.uniform(batch.rows * D, seed: 3)), rows: batch.rows, columns: D)
        return pass.flatMap { stage.attention(layer: layer, x, batch, $0) } ?? stage.attention(layer: layer)
    }

    /// One token, within a segment, whole segments, and more; chunks of 64 likewise.
    @Test(arguments: SublayerModel.all, [1, 5, 16, 64, 65, 75])
    func flopsAreThoseCounted(model: SublayerModel, length: Int) throws {
        let stage = try model.stage(), batch = model.batch(length: length), pass = try model.pass()
        let activations = stage.makeActivations()
        if let pass { stage.fold(pass) }
        stage.team.flops.reset()
        stage.forward(batch, activations, lowRank: pass)
        let counted = Self.kinds.reduce(0) { $0 + stage.team.flops[$1] }
        let said = (0..<stage.configuration.layers).reduce(0) { sum, layer in
            guard let levels = activations.levels[layer] else { return sum + stage.attention(layer: layer).flops(batch) }
            let fixed = LowRankPass(layers: pass?.layers ?? []) { _, _ in ChosenLevels(levels) }
            return sum + Self.sublayer(stage, batch, fixed, layer: layer).flops(batch)
        }
        #expect(said == counted)
        if model.kind == .softmax && !model.isLevelled {
            #expect(
                Double(said)
                    == stage.configuration.fullAttentionForwardFLOPs(sequences: batch.sequences, length: length))
        }
    }

    @Test(arguments: SublayerModel.all, [1, 16, 17, 75])
    func bytesAreThoseAllocated(model: SublayerModel, length: Int) throws {
        let stage = try model.stage(), batch = model.batch(), sublayer = Self.sublayer(stage, batch, try model.pass())
        let shape = stage.configuration.layer.attention, (B, H, G, d) = (2, shape.heads, shape.keyValueHeads, shape.headWidth)
        let each = switch model.kind {
        case .softmax where model.isLevelled:
            length * G * (model.largest.scoreRank + model.largest.valueRank)
        case .softmax: length * G * 2 * d
        case .performer(let features, _): H * (features * (d + 1) + 1)
        case .nystrom(let landmarks, let segment):
            min(length, segment) * (H + 2 * G) * d + (length - 1) / segment * landmarks * H * 2 * d
        }
        let bytes = sublayer.bytes(sequences: B, length: length)
        #expect(bytes == 4 * B * each)
        #expect(sublayer.makeCache(sequences: B, length: length).bytes == bytes)
    }

    /// The cached pass at every position executes what its parts come to: no row of the past is projected again.
    @Test func advancingCountsOneRow() throws {
        let model = SublayerModel(family: .llama, kind: .softmax, isLevelled: false), stage = try model.stage()
        let decoder = try TokenDecoder(stage, sequences: 2, length: 20), shape = stage.configuration.layer.attention
        for t in 0..<20 {
            stage.team.flops.reset()
            _ = decoder.advance([1, 2])
            let layers = 2 * stage.configuration.layers
            #expect(stage.team.flops[.projections] == layers * 2 * 40 * (shape.columns + shape.width))
            #expect(stage.team.flops[.scores] == layers * 2 * (t + 1) * shape.width)
            #expect(stage.team.flops[.values] == layers * 2 * (t + 1) * shape.width)
        }
        #expect(decoder.cacheBytes == stage.configuration.layers * 2 * 20 * 2 * 2 * 12 * 4)
    }
}
