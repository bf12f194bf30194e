import Kernels
import LowRank
import Model

// L tokens of a window, D width.

/// Measures what the whole model loses at every token where one layer alone attends at a level: Kullback and Leibler's
/// divergence from full attention.
package struct LayerDivergences {
    let stage: TransformerStage
    let activations: Activations
    /// In which one layer attends at a level and the others in full.
    let pass: (_ layer: Int, _ level: Level) -> LowRankPass

    package init(
        stage: TransformerStage, activations: Activations, pass: @escaping (_ layer: Int, _ level: Level) -> LowRankPass
    ) {
        self.stage = stage
        self.activations = activations
        self.pass = pass
    }

    /// Gives `body` the divergences of each level in a layer, [L] nats each, layer by layer of those that are asked for. For each
    /// level the layers from that one on run again, and the head.
    package func measure(
        _ batch: MicroBatch, levels: some Collection<Level>, where isAsked: (_ layer: Int) -> Bool,
        _ body: (_ layer: Int, _ divergences: [Buffer<Double>]) -> Void
    ) {
        let layers = stage.placement.layers, count = batch.rows * stage.configuration.width
        func copy(_ stream: Buffer<Float>) -> Buffer<Float> {
            let own = Buffer<Float>(uninitialized: count)
            own.copy(from: stream[0..<count])
            return own
        }
        stage.forward(batch, activations)
        let full = copy(activations.output)
        let divergences = levels.map { _ in Buffer<Double>(uninitialized: batch.rows) }
        stage.embed(batch, activations)
        for layer in layers {
            if isAsked(layer) {
                let stream = stage.stream(before: layer, of: activations), kept = copy(stream)
                let ends = levels.map { level in
                    stage.forward(batch, activations, layers: layer..<layers.upperBound, lowRank: pass(layer, level))
                    let end = copy(activations.output)
                    // In inference layers write over what they read.
                    stream[0..<count].copy(from: kept)
                    return end
                }
                stage.divergences(of: ends, from: full, into: divergences)
                body(layer, divergences)
            }
            stage.forward(batch, activations, layers: layer..<(layer + 1))
        }
    }
}
