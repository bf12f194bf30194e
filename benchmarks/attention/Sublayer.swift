import Kernels
import Transformer

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
    let branch: Buffer<Float>
    let dbranch: Matrix
    /// [L, 3D].
    let qkv, dqkv: Buffer<Float>
    /// [L, D].
    let attended, dattended: Buffer<Float>
    /// [H, L].
    let lse, delta: Buffer<Float>
    /// [D, 3D], [D, D] and their biases, with gradients.
    let weight, dweight, projection, dprojection: Matrix
    let bias, dbias, projectionBias, dprojectionBias: Buffer<Float>

    /// Inputs and the output's gradient are normal deviates.
    init(_ configuration: ModelConfiguration, team: Team) throws {
        let L = configuration.context, D = configuration.width
        self.configuration = configuration
        self.team = team
        let none = Buffer<Int32>(count: L, repeating: 0)
        batch = MicroBatch(sequences: 1, length: L, tokens: none, targets: none, samples: [0])
        let placement = try StagePlacement.split(configuration, stages: 1)[0]
        stage = TransformerStage(configuration, placement: placement, rows: 1, team: team)
        let arena = stage.parameters
        arena.initialize(seed: 1)
        attention = Attention(heads: configuration.heads, headWidth: configuration.headWidth, team: team)

        func deviates(_ key: UInt64) -> Matrix {
            let values = Buffer<Float>(uninitialized: L * D)
            Philox(key: key).fillNormal(values, deviation: 1)
            return Matrix(values, rows: L, columns: D)
        }
        func scratch(_ columns: Int) -> Buffer<Float> { Buffer(count: L * columns, repeating: 0) }
        x = deviates(2)
        dbranch = deviates(3)
        dx = Matrix(scratch(D), rows: L, columns: D)
        (branch, attended, dattended) = (scratch(D), scratch(D), scratch(D))
        (qkv, dqkv) = (scratch(3 * D), scratch(3 * D))
        (lse, delta) = (scratch(configuration.heads), scratch(configuration.heads))

        func vector(_ name: String, _ values: Buffer<Float>) -> Buffer<Float> {
            arena.layout.vector("transformer.h.0.attn." + name, in: values)
        }
        func matrix(_ name: String, _ values: Buffer<Float>) -> Matrix {
            arena.layout.matrix("transformer.h.0.attn." + name, in: values)
        }
        weight = matrix("c_attn.weight", arena.values)
        dweight = matrix("c_attn.weight", arena.gradients)
        projection = matrix("c_proj.weight", arena.values)
        dprojection = matrix("c_proj.weight", arena.gradients)
        (bias, dbias) = (vector("c_attn.bias", arena.values), vector("c_attn.bias", arena.gradients))
        (projectionBias, dprojectionBias) = (
            vector("c_proj.bias", arena.values), vector("c_proj.bias", arena.gradients))
    }

    private func matrix(_ buffer: Buffer<Float>, columns: Int) -> Matrix {
        Matrix(buffer, rows: batch.rows, columns: columns)
    }

    private func attend() {
        attention.forward(qkv: qkv, out: attended, lse: lse, batch: batch, dropout: nil, layer: 0, on: team)
    }

    private func attendBackward() {
        attention.backward(
            qkv: qkv, out: attended, lse: lse, dout: dattended, dqkv: dqkv, delta: delta, batch: batch, dropout: nil,
            layer: 0, on: team)
    }

    private func forward() {
        linearForward(x, weight: weight, bias: bias, into: qkv, .projections, on: team)
        attend()
        team.gemm(matrix(attended, columns: configuration.width), projection, into: output, .projections)
        addBias(projectionBias, to: branch, rows: batch.rows, on: team)
    }

    private func backward() {
        let D = configuration.width
        linearBackward(
            dy: dbranch, x: matrix(attended, columns: D), weight: projection, dweight: dprojection,
            dbias: dprojectionBias, dx: matrix(dattended, columns: D), .projections, on: team)
        attendBackward()
        linearBackward(
            dy: matrix(dqkv, columns: 3 * D), x: x, weight: weight, dweight: dweight, dbias: dbias, dx: dx,
            .projections, on: team)
    }

    /// `branch` as [L, D].
    var output: Matrix { matrix(branch, columns: configuration.width) }

    /// Full attention's times.
    func fullTimes(_ timer: Timer) -> AttentionTimes {
        // Touches all memory, and leaves queries, keys, values and gradients to attend to.
        forward()
        backward()
        var times = AttentionTimes()
        times.attention.forward = timer.median(attend)
        times.attention.both = timer.median {
            attend()
            attendBackward()
        }
        times.sublayer.forward = timer.median(forward)
        times.sublayer.both = timer.median {
            forward()
            backward()
        }
        return times
    }
}
