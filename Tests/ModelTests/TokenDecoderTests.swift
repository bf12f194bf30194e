import Kernels
import Model
import Testing

/// Position by position against the whole pass.
@Suite struct TokenDecoderTests {
    @Test(arguments: SublayerModel.all, [1, 2]) func logitsAreThoseOfTheWholePass(model: SublayerModel, threads: Int) throws {
        let stage = try model.stage(threads: threads), batch = model.batch(), V = SublayerModel.vocabulary
        let pass = try model.pass(), activations = stage.makeActivations()
        stage.forward(batch, activations, lowRank: pass)
        let whole = stage.logits(batch, activations).array.map(Double.init), levels = activations.levels
        if model.isLevelled {
            // Else nothing would tell one choice from another.
            #expect(levels.allSatisfy { Set($0?.levels ?? []).count >= 3 })
        }
        let L = batch.length
        let decoder = try TokenDecoder(stage, sequences: batch.sequences, length: L, lowRank: pass, samples: batch.samples)
        for t in 0..<L {
            #expect(decoder.positions == Array(repeating: t, count: batch.sequences))
            let logits = decoder.advance((0..<batch.sequences).map { batch.tokens[$0 * L + t] })
            for b in 0..<batch.sequences {
                let first = (b * L + t) * V
                let own = (0..<V).map { logits.pointer[b * logits.stride + $0] }
                let error = relativeError(own, Array(whole[first..<(first + V)]))
                #expect(error < 1e-5, "\(error) in sequence \(b) at \(t)")
            }
        }
    }

    /// The prompt's last logits, and those of the rows after it.
    @Test(arguments: SublayerModel.all, [1, 16, 37, 75]) func aPromptTakenInAtOnceIsAsRowByRow(
        model: SublayerModel, count: Int
    ) throws {
        let stage = try model.stage(), batch = model.batch(), L = batch.length, pass = try model.pass(), b = 1
        let tokens = batch.tokens[(b * L)..<((b + 1) * L)].array, samples = [batch.samples[b]]
        let rows = try TokenDecoder(stage, sequences: 1, length: L, lowRank: pass, samples: samples)
        let atOnce = try TokenDecoder(stage, sequences: 1, length: L, lowRank: pass, samples: samples)
        for (t, token) in tokens.enumerated() {
            let expected = Self.numbers(rows.advance([token])).map(Double.init)
            guard t >= count - 1 else { continue }
            let logits = t == count - 1 ? atOnce.prefill(Array(tokens[0..<count]), sequence: 0) : atOnce.advance([token])
            let error = relativeError(Self.numbers(logits), expected)
            #expect(error < 1e-5, "\(error) at \(t)")
        }
    }

    /// Prompts of other lengths, of which two end early, leave every bit of a sequence as it is alone.
    @Test(arguments: SublayerModel.all) func aSequenceIsTheSameWhateverGoesBesideIt(model: SublayerModel) throws {
        let stage = try model.stage(), pass = try model.pass(), batch = model.batch(), L = batch.length, steps = 30
        let prompts = [21, 5, 34].enumerated().map { b, count in batch.tokens[(b * L)..<(b * L + count)].array }
        func token(_ b: Int, _ step: Int) -> Int32 { Int32((11 * b + 5 * step) % SublayerModel.vocabulary) }
        var together: [[[Float]]] = [[], [], []]
        let decoder = try TokenDecoder(stage, sequences: 3, length: L, lowRank: pass, samples: batch.samples)
        for b in [2, 0, 1] { together[b].append(Self.numbers(decoder.prefill(prompts[b], sequence: b))) }
        for step in 0..<steps {
            let open = [1, 0, 2].filter { step < [steps, 10, 20][$0] }
            let logits = decoder.advance(open.map { ($0, token($0, step)) })
            for (row, b) in open.enumerated() { together[b].append(Self.numbers(logits.rows(row..<(row + 1)))) }
        }
        for b in 0..<3 {
            let alone = try TokenDecoder(stage, sequences: 1, length: L, lowRank: pass, samples: [batch.samples[b]])
            var own = [Self.numbers(alone.prefill(prompts[b], sequence: 0))]
            for step in 0..<(together[b].count - 1) { own.append(Self.numbers(alone.advance([token(b, step)]))) }
            #expect(own == together[b])
        }
    }

    /// Far keys are kept at the most columns that a level has of them, where that takes less; a level that stands for the
    /// whole sequence bounds them by itself.
    @Test(arguments: SublayerModel.Family.allCases) func farKeysAreKeptAtTheirLevel(family: SublayerModel.Family) throws {
        let exact = ExactTokens(recent: 0, first: 3)
        let model = SublayerModel(family: family, kind: .softmax, isLevelled: true, exact: exact), stage = try model.stage()
        let G = stage.configuration.layer.attention.keyValueHeads, layers = 3, L = SublayerModel.length
        let pass = try #require(try model.pass())
        func bytes(_ pass: LowRankPass, length: Int) throws -> [Int] {
            let decoder = try TokenDecoder(stage, sequences: 2, length: length, lowRank: pass)
            return [decoder.cacheBytes, decoder.fullCacheBytes]
        }
        // Of 12 + 12 columns 4 + 9, and beside them 3 first tokens and a segment of 16 at all.
        #expect(try bytes(pass, length: L) == [L * 13 + 19 * 24, L * 24].map { 4 * layers * 2 * G * $0 })
        #expect(try bytes(pass, length: 40) == [40 * 24, 40 * 24].map { 4 * layers * 2 * G * $0 })
        let fixed = LowRankPass(
            layers: pass.layers,
            bounds: LevelBounds(largest: pass.layers.map { _ in AttentionLevel(scoreRank: 12, valueRank: 12) }, followText: false)
        ) { _, batch in
            let segments = (batch.length + 15) / 16, level = AttentionLevel(scoreRank: 2, valueRank: 3)
            return ChosenLevels(SegmentLevels(
                segment: 16, segments: segments, levels: Array(repeating: level, count: segments * batch.sequences), exact: exact))
        }
        #expect(try bytes(fixed, length: L)[0] == 4 * layers * 2 * G * (L * 5 + 19 * 24))
    }

    /// Levels for a longer sequence than there is room for.
    @Test func levelsAreNamedForTheirLength() throws {
        let model = SublayerModel(family: .llama, kind: .softmax, isLevelled: true), stage = try model.stage()
        let pass = try model.pass(), length = 40
        let short = try TokenDecoder(
            stage, sequences: 1, length: length, lowRank: pass, levelLength: SublayerModel.length, samples: [2])
        let long = try TokenDecoder(stage, sequences: 1, length: SublayerModel.length, lowRank: pass, samples: [2])
        #expect(short.cacheBytes * SublayerModel.length == long.cacheBytes * length)
        for t in 0..<length {
            let token = Int32(3 * t % 50), expected = Self.numbers(long.advance([token]))
            #expect(Self.numbers(short.advance([token])) == expected)
        }
    }

    private static func numbers(_ logits: Matrix) -> [Float] {
        (0..<(logits.rows * logits.columns)).map { logits.pointer[$0] }
    }

    /// A shorter cache than the context, used twice, gives the same bits.
    @Test(arguments: SublayerModel.all) func aCacheBeginsAnew(model: SublayerModel) throws {
        let stage = try model.stage(), length = 40, pass = try model.pass()
        func logits() throws -> [Float] {
            let decoder = try TokenDecoder(stage, sequences: 2, length: length, lowRank: pass)
            var all: [Float] = []
            for t in 0..<length {
                let logits = decoder.advance([Int32(t % 7), Int32(t % 11)])
                all += (0..<(2 * SublayerModel.vocabulary)).map { logits.pointer[$0] }
            }
            return all
        }
        let first = try logits()
        #expect(try first == logits() && first.allSatisfy(\.isFinite))
    }

    @Test func whatCannotBeDecodedIsRefused() throws {
        let model = SublayerModel(family: .gpt2, kind: .softmax, isLevelled: true), stage = try model.stage()
        func refusal(_ make: () throws -> TokenDecoder) -> String {
            do {
                _ = try make()
                return "nothing was thrown"
            } catch {
                return "\(error)"
            }
        }
        let refined = try model.pass { _ in [] }
        #expect(refusal { try TokenDecoder(stage, sequences: 1, length: 9, lowRank: refined) }.contains("online bases"))
        #expect(refusal { try TokenDecoder(stage, sequences: 1, length: 76) } == "76 positions to decode; the model has 1 to 75")
        #expect(refusal { try TokenDecoder(stage, sequences: 0, length: 9) }.contains("0 sequences"))
        let configuration = try model.configuration
        let part = TransformerStage(
            configuration, placement: try StagePlacement.split(configuration, stages: 2)[0], rows: 75,
            team: Team(threads: 1), forTraining: false)
        #expect(refusal { try TokenDecoder(part, sequences: 1, length: 9) }.contains("whole model"))
    }
}
