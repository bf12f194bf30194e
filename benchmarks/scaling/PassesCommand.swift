import ArgumentParser
import BenchmarkSupport
import Communicator
import Kernels
import LowRank
import Model
import Worker

/// Times each part of a micro-batch's passes and of an update on one rank, or on several at once that share a machine.
struct PassesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passes", abstract: "Times a layer's passes, the embedding's, the head's, and the update.")

    @OptionGroup var shape: ModelOptions
    @Option(help: "Sequences of the micro-batch.") var microBatch = 1
    @Option(help: "Micro-batches that are timed.") var repeats = 8

    mutating func validate() throws {
        try require([("micro-batch", microBatch), ("repeats", repeats)])
    }

    func run() { measuring { try measure(on: $0) } }

    private func measure(on world: borrowing Communicator) throws -> PassesReport {
        let model = try shape.model(), team = Team(threads: 1)
        let tokens = try RandomTokens(vocabularySize: model.vocabularySize)
            .shard(count: 2 * microBatch * model.context)
        let batch = try BatchSource(shard: tokens, context: model.context, seed: 1).microBatch(first: 0, count: microBatch)
        let stage = TransformerStage(model, placement: .whole(model), rows: batch.rows, team: team)
        stage.parameters.initialize(seed: 1)
        let ranks = try RankEngine(
            model, layers: 0..<model.layers, options: shape.ranks(), seed: 1, team: team, sequences: microBatch,
            now: monotonicSeconds)
        let parts = PassTimer(stage: stage, ranks: ranks, batch: batch)
        var samples: [[Double]] = []
        for i in 0...repeats {
            // Ranks that share a machine are to slow each other down as they do in training.
            try world.barrier()
            let sample = parts.measure()
            // The first touches memory for the first time.
            if i > 0 { samples.append(sample) }
        }
        let statistics = try parts.statistics()
        let mine = samples[0].indices.map { part in median(samples.map { $0[part] }) } + [statistics.seconds]
        let mean = try world.allreduce(mine, .sum).map { $0 / Double(world.size) }
        let elements = Double(stage.parameters.layout.count)
        return PassesReport(
            ranks: world.size, embedding_forward: mean[0], layer_forward: mean[1], head: mean[2],
            layer_backward: mean[3], embedding_backward: mean[4], copy_element: mean[5] / elements,
            norm_element: mean[6] / elements, update_element: mean[7] / elements,
            statistics_layer: mean[8] / Double(model.layers), statistics_bytes_layer: statistics.bytes / model.layers)
    }
}

/// Seconds of each part, mean over the ranks that ran at once.
private struct PassesReport: Encodable {
    let ranks: Int
    /// A micro-batch through the embedding and through one layer; the head's includes its backward pass.
    let embedding_forward, layer_forward, head, layer_backward, embedding_backward: Double
    /// One parameter's gradient copied, squared and summed; one parameter updated.
    let copy_element, norm_element, update_element: Double
    /// A layer's Grams at the end of a step, and what of them is summed over replicas.
    let statistics_layer: Double
    let statistics_bytes_layer: Int
}

/// The whole model on one rank, run part by part.
private struct PassTimer {
    private let stage: TransformerStage
    private let ranks: RankEngine
    private let batch: MicroBatch
    private let activations: Activations
    private let embedded, received: Buffer<Float>

    init(stage: TransformerStage, ranks: RankEngine, batch: MicroBatch) {
        self.stage = stage
        self.ranks = ranks
        self.batch = batch
        activations = stage.makeActivations()
        embedded = Buffer(count: batch.rows * stage.configuration.width, repeating: 0)
        received = Buffer(count: stage.parameters.layout.count, repeating: 0)
    }

    /// Seconds of: the embedding, a layer, head and loss, a layer backward, the embedding backward, copying all gradients,
    /// their norm, the update.
    func measure() -> [Double] {
        let team = stage.team, arena = stage.parameters, layers = Double(stage.configuration.layers)
        let pass = ranks.trainingPass(step: 2, of: stage)
        let embedding = seconds {
            embeddingForward(
                batch, tokenTable: arena.layout.matrix(.tokenEmbedding, in: arena.values),
                positionTable: arena.layout.matrix("transformer.wpe.weight", in: arena.values), into: embedded, on: team)
        }
        let forward = seconds { stage.forward(batch, activations, lowRank: pass) }
        let head = seconds { _ = stage.loss(batch, activations, scale: 1 / Float(batch.rows)) }
        var layersDone = 0.0
        let start = monotonicSeconds()
        stage.backward(batch, activations, lowRank: pass) { layer in
            if layer != nil { layersDone = monotonicSeconds() - start }
        }
        let backward = monotonicSeconds() - start
        let copy = seconds { received.copy(from: arena.gradients) }
        let norm = seconds {
            for parameter in arena.layout.parameters { _ = sumOfSquares(received[parameter.range], on: team) }
        }
        let update = seconds {
            AdamW().update(arena, reduced: received, step: 1, learningRate: 1e-4, gradientScale: 1, on: team)
        }
        return [
            embedding, (forward - embedding) / layers, head, layersDone / layers, backward - layersDone, copy, norm, update,
        ]
    }

    /// Seconds that the end of a step takes besides its sums, and the bytes of these.
    func statistics() throws -> (seconds: Double, bytes: Int) {
        let peers = Listener()
        var samples: [Double] = []
        for _ in 0..<5 {
            let start = monotonicSeconds()
            // A step at which bases stay as they are, as most are.
            try ranks.endStep(2, with: peers)
            samples.append(monotonicSeconds() - start)
        }
        return (median(samples), peers.bytes)
    }

    /// Notes what replicas would add up.
    private final class Listener: Peers {
        var bytes = 0
        var replica: Int { 0 }
        var replicas: Int { 1 }
        func sumOverReplicas(_ values: Buffer<Double>) { bytes = values.count * MemoryLayout<Double>.size }
        func sum(_ values: Buffer<Double>) {}
        func sum(_ values: Buffer<Float>) {}
    }

    private func seconds(_ body: () -> Void) -> Double {
        let start = monotonicSeconds()
        body()
        return monotonicSeconds() - start
    }
}
