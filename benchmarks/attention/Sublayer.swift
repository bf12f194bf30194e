import Kernels
import Model

// L tokens of one sequence, D width, H heads of width d.

/// An attention sublayer: the first layer of a model of one, with memory for its passes over one sequence.
struct Sublayer {
    let configuration: ModelConfiguration
    let team: Team
    let batch: MicroBatch
    let stage: TransformerStage
    let attention: Attention
    /// [L, D], as a norm leaves it, and its gradient.
    let x, dx: Matrix
    /// [L, D] the output before the residual is added, and its gradient.
    let branch, dbranch: Matrix
    let kept: KeptAttention
    /// The gradient of what `kept` holds.
    let gradients: KeptAttention
    /// [H, L].
    let delta: Buffer<Float>

    /// Inputs and the output's gradient are normal deviates.
    init(_ configuration: ModelConfiguration, team: Team) throws {
        let L = configuration.context, D = configuration.width, shape = configuration.layer.attention
        self.configuration = configuration
        self.team = team
        let none = Buffer<Int32>(count: L, repeating: 0)
        batch = MicroBatch(sequences: 1, length: L, tokens: none, targets: none, samples: [0])
        let placement = try StagePlacement.split(configuration, stages: 1)[0]
        stage = TransformerStage(configuration, placement: placement, rows: L, team: team)
        stage.parameters.initialize(seed: 1)
        attention = Attention(shape, team: team)

        func rows() -> Matrix { Matrix(Buffer(count: L * D, repeating: 0), rows: L, columns: D) }
        func deviates(_ key: UInt64) -> Matrix {
            let values = Buffer<Float>(uninitialized: L * D)
            Philox(key: key).fillNormal(values, deviation: 1)
            return Matrix(values, rows: L, columns: D)
        }
        x = deviates(2)
        dbranch = deviates(3)
        (branch, dx) = (rows(), rows())
        (kept, gradients) = (KeptAttention(shape, rows: L), KeptAttention(shape, rows: L))
        delta = Buffer(count: L * shape.heads, repeating: 0)
    }

    var pass: AttentionPass { AttentionPass(layer: 0, batch: batch, team: team) }

    func forward(_ sublayer: any AttentionSublayer) { sublayer.forward(x, kept, into: branch, pass) }

    func backward(_ sublayer: any AttentionSublayer) {
        sublayer.backward(
            dbranch, x: x, kept,
            AttentionScratch(dattended: gradients.attended, dqkv: gradients.qkv, delta: delta), dx: dx, pass)
    }

    private func attend() {
        attention.forward(
            qkv: kept.qkv, out: kept.attended, lse: kept.lse, batch: batch, dropout: nil, layer: 0, on: team)
    }

    private func attendBackward() {
        attention.backward(
            qkv: kept.qkv, out: kept.attended, lse: kept.lse, dout: gradients.attended, dqkv: gradients.qkv, delta: delta,
            batch: batch, dropout: nil, layer: 0, on: team)
    }

    /// Full attention's times.
    func fullTimes(_ timer: Timer) -> AttentionTimes {
        let sublayer = stage.attention(layer: 0)
        // Touches all memory, and leaves queries, keys, values and gradients to attend to.
        forward(sublayer)
        backward(sublayer)
        var times = AttentionTimes()
        times.attention.forward = timer.median(attend)
        times.attention.both = timer.median {
            attend()
            attendBackward()
        }
        times.sublayer.forward = timer.median { forward(sublayer) }
        times.sublayer.both = timer.median {
            forward(sublayer)
            backward(sublayer)
        }
        return times
    }
}
