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
            #expect(decoder.position == t)
            let logits = decoder.advance((0..<batch.sequences).map { batch.tokens[$0 * L + t] })
            for b in 0..<batch.sequences {
                let first = (b * L + t) * V
                let own = (0..<V).map { logits.pointer[b * logits.stride + $0] }
                let error = relativeError(own, Array(whole[first..<(first + V)]))
                #expect(error < 1e-5, "\(error) in sequence \(b) at \(t)")
            }
        }
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
