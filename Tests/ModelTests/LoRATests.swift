import Kernels
import Model
import Options
import Testing

/// LoRA against merged weights, whose gradients are those that the float64 reference judges.
@Suite struct LoRATests {
    /// GPT-2, and a Llama whose queries, keys and values are maps of their own.
    enum Kind: CaseIterable { case gpt2, llama }

    /// A model with an adapter, and the same with what it adds in its weights.
    private struct Pair {
        let configuration: ModelConfiguration
        let placed: PlacedAdapter
        let batch: MicroBatch
        let adapted, merged: TransformerStage
        let activations: (adapted: Activations, merged: Activations)

        init(_ kind: Kind, targets: [String] = ["all"], dropout: Float = 0, threads: Int = 1, isAtStart: Bool = false) throws {
            configuration =
                switch kind {
                case .gpt2: try ModelConfiguration(vocabularySize: 67, context: 40, width: 36, heads: 3, layers: 2)
                case .llama:
                    try ModelConfiguration(
                        vocabularySize: 67, context: 40, width: 36, heads: 6, layers: 2,
                        family: .llama(LlamaShape(
                            keyValueHeads: 2, headWidth: 8, feedForwardWidth: 50, normEpsilon: 1e-5,
                            rotation: RotaryPositions(base: 10_000), mostPositions: 64, tiesHead: true)))
                }
            placed = try PlacedAdapter(
                AdapterConfiguration(rank: 5, alpha: 7, dropout: dropout, targets: targets), at: configuration)
            batch = SampleValues.microBatch(sequences: 2, length: 33, vocabulary: 67, seed: 3)
            let team = Team(threads: threads), whole = StagePlacement.whole(configuration)
            adapted = TransformerStage(configuration, placement: whole, rows: batch.rows, team: team, adapter: placed)
            merged = TransformerStage(configuration, placement: whole, rows: batch.rows, team: team)
            for stage in [adapted, merged] {
                stage.parameters.initialize(seed: 4)
                for parameter in stage.parameters.layout.parameters where parameter.shape.count == 2 {
                    for i in parameter.range { stage.parameters.values[i] *= 8 }
                }
            }
            adapted.learnt.initialize(seed: 4)
            if !isAtStart {
                for map in placed.maps {
                    let up = adapted.learnt.layout.vector(map.up.name, in: adapted.learnt.values)
                    up.copy(from: Buffer(SampleValues.uniform(up.count, seed: 9, scale: 0.3)))
                    map.merge(
                        adapted.learnt.layout.vector(map.down.name, in: adapted.learnt.values), up,
                        into: merged.parameters.layout.vector(map.weight.name, in: merged.parameters.values), on: team)
                }
            }
            activations = (adapted.makeActivations(), merged.makeActivations())
        }

        func pass(lowRank: (LowRankPass, LowRankPass)? = nil) -> (adapted: Double, merged: Double) {
            func run(_ stage: TransformerStage, _ activations: Activations, _ lowRank: LowRankPass?) -> Double {
                stage.forward(batch, activations, lowRank: lowRank)
                let loss = stage.loss(batch, activations, scale: 0.01)
                stage.backward(batch, activations, lowRank: lowRank) { (layer) throws(Never) in
                    if let layer, let lowRank { stage.unfold(lowRank, layer: layer) }
                }
                return loss
            }
            return (run(adapted, activations.adapted, lowRank?.0), run(merged, activations.merged, lowRank?.1))
        }

        /// dA and dB follow from dW of the merged weight: dA = s Bᵀ dWᵀ, dB = s dWᵀ Aᵀ for dW: [n, m].
        func expectGradientsOfMerged(_ note: String = "") {
            for map in placed.maps {
                let n = map.inputs, m = map.outputs, r = map.rank, s = Double(map.scale)
                func values(_ name: String, _ stage: TransformerStage, _ arena: KeyPath<ParameterArena, Buffer<Float>>) -> [Double] {
                    let own = stage === adapted ? stage.learnt : stage.parameters
                    return own.layout.vector(name, in: own[keyPath: arena]).array.doubles
                }
                let dW = values(map.weight.name, merged, \.gradients), isStored = map.storage == .inputsByOutputs
                let A = values(map.down.name, adapted, \.values), B = values(map.up.name, adapted, \.values)
                func d(_ i: Int, _ o: Int) -> Double { isStored ? dW[i * m + o] : dW[o * n + i] }
                var dA = [Double](repeating: 0, count: r * n), dB = [Double](repeating: 0, count: m * r)
                for i in 0..<n {
                    for o in 0..<m {
                        for k in 0..<r {
                            dA[k * n + i] += s * B[o * r + k] * d(i, o)
                            dB[o * r + k] += s * A[k * n + i] * d(i, o)
                        }
                    }
                }
                let own = adapted.learnt
                #expect(normError(own.layout.vector(map.down.name, in: own.gradients).array, dA) < 2e-5, "\(map.module) A \(note)")
                #expect(normError(own.layout.vector(map.up.name, in: own.gradients).array, dB) < 2e-5, "\(map.module) B \(note)")
            }
        }
    }

    @Test(arguments: Kind.allCases) func atTheStartNothingChanges(kind: Kind) throws {
        let pair = try Pair(kind, isAtStart: true)
        pair.adapted.forward(pair.batch, pair.activations.adapted)
        pair.merged.forward(pair.batch, pair.activations.merged)
        #expect(pair.adapted.logits(pair.batch, pair.activations.adapted).array
            == pair.merged.logits(pair.batch, pair.activations.merged).array)
        // A is uniform in ±1/√n, B zero.
        for map in pair.placed.maps {
            let own = pair.adapted.learnt, bound = 1 / Float(map.inputs).squareRoot()
            let down = own.layout.vector(map.down.name, in: own.values).array
            #expect(down.allSatisfy { abs($0) <= bound } && down.contains { $0 > bound / 2 } && down.contains { $0 < -bound / 2 })
            #expect(own.layout.vector(map.up.name, in: own.values).array.allSatisfy { $0 == 0 })
        }
    }

    @Test func weightsHaveNeitherGradientsNorMoments() throws {
        let pair = try Pair(.gpt2), stage = pair.adapted, before = stage.parameters.values.array
        #expect([stage.parameters.gradients, stage.parameters.firstMoment, stage.parameters.secondMoment].allSatisfy { $0.count == 0 })
        #expect(stage.learnt.gradients.count >= pair.placed.parameterCount)
        _ = pair.pass()
        #expect(stage.parameters.values.array == before)
    }

    @Test(arguments: Kind.allCases, [1, 2]) func mergedIsUnmerged(kind: Kind, threads: Int) throws {
        let pair = try Pair(kind, threads: threads), losses = pair.pass()
        #expect(abs(losses.adapted / losses.merged - 1) < 1e-6)
        #expect(relativeError(
            pair.adapted.logits(pair.batch, pair.activations.adapted).array,
            pair.merged.logits(pair.batch, pair.activations.merged).array.doubles) < 1e-5)
        pair.expectGradientsOfMerged()
    }

    @Test(arguments: [(Kind.gpt2, ["mlp.c_proj"]), (.llama, ["v_proj", "up_proj"])])
    func someMapsAlone(kind: Kind, targets: [String]) throws {
        let pair = try Pair(kind, targets: targets)
        #expect(pair.placed.maps.count == 2 * targets.count)
        _ = pair.pass()
        pair.expectGradientsOfMerged()
    }

    /// Bases are folded into weights with what the adapter adds, and its gradients come back out of them.
    @Test(arguments: Kind.allCases, [["all"], ["attn.c_attn"], ["q_proj", "v_proj"]])
    func levelsSeeWhatItAdds(kind: Kind, targets: [String]) throws {
        if targets != ["all"], (targets == ["attn.c_attn"]) != (kind == .gpt2) { return }
        let pair = try Pair(kind, targets: targets), own = pair.configuration.layer.attention, d = own.headWidth
        let levels = [AttentionLevel(scoreRank: d / 2, valueRank: d - 1), AttentionLevel(scoreRank: d, valueRank: d)]
        func basis(_ seed: Int) -> Buffer<Float> {
            var values = SampleValues.uniform(own.keyValueHeads * d * d, seed: UInt64(seed), scale: 0.1)
            for head in 0..<own.keyValueHeads {
                for i in 0..<d { values[(head * d + i) * d + i] += 1 }
            }
            return Buffer(values)
        }
        func folded(_ layer: Int) -> FoldedAttention {
            let basis = AttentionBasis(
                query: basis(10 + layer), key: basis(20 + layer), value: basis(30 + layer), headWidth: d)
            return FoldedAttention(pair.configuration, levels: levels, basis: basis)
        }
        func lowRank() -> LowRankPass {
            LowRankPass(layers: [folded(0), folded(1)]) { input, batch in
                let chosen = (0..<4).map { levels[($0 + input.layer) % 2] }
                return ChosenLevels(SegmentLevels(segment: 20, segments: 2, levels: chosen))
            }
        }
        let before = pair.adapted.parameters.values.array, losses = pair.pass(lowRank: (lowRank(), lowRank()))
        #expect(abs(losses.adapted / losses.merged - 1) < 1e-5)
        pair.expectGradientsOfMerged("at levels")
        #expect(pair.adapted.parameters.values.array == before)
    }

    /// With dropout the loss is linear in B, so that differences are exact: those of the loss Σ y ∘ w of one map are dB, and
    /// each element of A alone is linear too.
    @Test func droppedInputsHaveTheirGradients() throws {
        let pair = try Pair(.gpt2, targets: ["attn.c_attn"], dropout: 0.4)
        let dropout = try #require(Dropout(rate: 0, adapterRate: 0.4, seed: 5, step: 7)), own = pair.adapted.learnt
        func loss(_ dropout: Dropout?) -> Double {
            pair.adapted.forward(pair.batch, pair.activations.adapted, dropout: dropout)
            return pair.adapted.loss(pair.batch, pair.activations.adapted, scale: 1)
        }
        #expect(loss(dropout) != loss(nil) && loss(dropout) == loss(dropout))
        own.gradients.fill(0)
        _ = loss(dropout)
        pair.adapted.backward(pair.batch, pair.activations.adapted, dropout: dropout)
        let gradient = own.gradients.array
        for parameter in own.layout.parameters {
            // Along the gradient itself, the difference is the norm's square.
            let range = parameter.range, norm = gradient[range].reduce(0.0) { $0 + Double($1) * Double($1) }
            let before = own.values[range].array, step = Float(0.02 / norm.squareRoot())
            func moved(_ sign: Float) -> Double {
                for (i, place) in range.enumerated() { own.values[place] = before[i] + sign * step * gradient[place] }
                return loss(dropout)
            }
            let slope = (moved(1) - moved(-1)) / (2 * Double(step))
            own.values[range].copy(from: Buffer(before))
            #expect(abs(slope / norm - 1) < 5e-3, "\(parameter.name): \(slope) and \(norm)")
        }
    }

    @Test func executedFLOPsAreCounted() throws {
        let pair = try Pair(.gpt2), team = pair.adapted.team
        team.flops.reset()
        pair.adapted.forward(pair.batch, pair.activations.adapted)
        let adapted = FlopKind.allCases.reduce(0) { $0 + team.flops[$1] }
        let plain = pair.merged.team
        plain.flops.reset()
        pair.merged.forward(pair.batch, pair.activations.merged)
        let added = 2 * pair.batch.rows * pair.placed.parameterCount
        #expect(adapted - FlopKind.allCases.reduce(0) { $0 + plain.flops[$1] } == added)
    }

    /// Text that says what is adapted, and what of it cannot be.
    @Test func textReadsBack() throws {
        let text = "lora:r=8,alpha=16,targets=q_proj+v_proj,dropout=0.05"
        let adapter = try AdapterConfiguration(text: text)
        #expect(adapter.text == text && adapter.rank == 8 && adapter.alpha == 16 && adapter.dropout == 0.05)
        #expect(try AdapterConfiguration(text: "lora") == AdapterConfiguration(rank: 8, alpha: 8))
        #expect(try AdapterConfiguration(text: adapter.text + ",rslora").scalesByRoot)
        for (text, named) in [
            ("ia3:r=8", "ia3"), ("lora:r=0", "r is 0"), ("lora:r=many", "r=many"), ("lora:alpha=-1", "alpha is -1"),
            ("lora:dropout=1", "dropout is 1"), ("lora:rank=8", "rank=8"), ("lora:r=8,r=4", "twice"), ("lora:targets=", "targets="),
        ] {
            #expect { try AdapterConfiguration(text: text) } throws: { "\($0)".contains(named) }
        }
    }

    @Test func targetsAreNames() throws {
        let model = try Pair(.gpt2).configuration
        func modules(_ targets: String) throws -> [String] {
            try AdapterConfiguration(text: "lora:r=2,targets=" + targets).maps(of: model).map { String($0.module.dropFirst(12)) }
        }
        #expect(try modules("c_proj") == ["h.0.attn.c_proj", "h.0.mlp.c_proj", "h.1.attn.c_proj", "h.1.mlp.c_proj"])
        #expect(try modules("mlp.c_proj") == ["h.0.mlp.c_proj", "h.1.mlp.c_proj"])
        #expect(try modules("all").count == 8)
        #expect(try AdapterConfiguration().maps(of: model).map(\.target) == ["attn.c_attn", "attn.c_attn"])
        for (target, named) in [("q_proj", "attn.c_attn"), ("wte", "embedding"), ("lm_head", "head")] {
            #expect { try modules(target) } throws: { "\($0)".contains(named) }
        }
        #expect { try AdapterConfiguration(text: "lora:r=40").maps(of: model) } throws: { "\($0)".contains("at most 36") }
    }
}
