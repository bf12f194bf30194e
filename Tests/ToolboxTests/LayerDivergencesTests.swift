import Foundation
import Kernels
import LowRank
import Model
import Testing
import Toolbox

/// Divergences of a small model with one layer at a level, against whole passes and float64.
@Suite struct LayerDivergencesTests {
    private static let levels = [(1, 1), (2, 1), (4, 4)].map { Level(scoreRank: $0.0, valueRank: $0.1) }
    private static let vocabulary = 1100, length = 24

    /// Three layers, bases that change nothing at 4:4.
    @Test(arguments: [false, true]) func areThoseOfWholePasses(forTraining: Bool) throws {
        let model = try ModelConfiguration(vocabularySize: Self.vocabulary, context: 32, width: 8, heads: 2, layers: 3)
        let team = Team(threads: 2)
        let options = RankOptions(
            mode: .energy(1), levels: Self.levels, segment: 4, exact: ExactTokens(recent: 0, first: 1))
        let engine = try RankEngine(model, layers: 0..<3, options: options, seed: 3, team: team, now: { 0 })
        for entry in engine.entries where entry.path.hasSuffix("_basis") {
            if case .float64(let pieces?) = entry.elements {
                Buffer((0..<32).map { $0 % 16 / 4 == $0 % 4 ? 1 : 0 }).copy(to: pieces)
            }
        }
        engine.adopt()
        let stage = TransformerStage(model, placement: .whole(model), rows: Self.length, team: team, forTraining: forTraining)
        stage.parameters.initialize(seed: 4)
        Philox(key: 9).fillNormal(stage.parameters.values, deviation: 0.5)
        let activations = stage.makeActivations()
        let tokens = Buffer((0..<Self.length).map { Int32($0 * 37 % Self.vocabulary) })
        let batch = MicroBatch(sequences: 1, length: Self.length, tokens: tokens, targets: tokens, samples: [0])
        func logits(_ pass: LowRankPass?) -> [Double] {
            stage.forward(batch, activations, lowRank: pass)
            return stage.logits(batch, activations).array.map(Double.init)
        }
        func probabilities(_ logits: ArraySlice<Double>) -> [Double] {
            let top = logits.max() ?? 0, weights = logits.map { exp($0 - top) }, sum = weights.reduce(0, +)
            return weights.map { $0 / sum }
        }
        let full = logits(nil)
        var seen: [Int] = []
        var found: [[[Double]]] = []
        LayerDivergences(stage: stage, activations: activations, pass: engine.pass(ofLayer:at:))
            .measure(batch, levels: Self.levels, where: { $0 != 1 }) { layer, divergences in
                seen.append(layer)
                found.append(divergences.map(\.array))
            }
        #expect(seen == [0, 2])
        for (place, layer) in seen.enumerated() {
            for (i, level) in Self.levels.enumerated() {
                let other = logits(engine.pass(ofLayer: layer, at: level)), V = Self.vocabulary
                var largest = 0.0
                for row in 0..<Self.length {
                    let p = probabilities(full[(row * V)..<((row + 1) * V)]), q = probabilities(other[(row * V)..<((row + 1) * V)])
                    let divergence = zip(p, q).reduce(0) { $0 + ($1.0 > 0 ? $1.0 * log($1.0 / $1.1) : 0) }
                    #expect(abs(found[place][i][row] - divergence) < 1e-5 + 1e-4 * divergence, "row \(row) of layer \(layer) at \(level)")
                    largest = max(largest, divergence)
                }
                #expect(i == 2 ? largest < 1e-6 : largest > 1e-4, "layer \(layer) at \(level) changes \(largest)")
            }
        }
    }
}
