import Kernels

// M = B L rows, D width; H query heads on G key/value heads of width d.

/// What every kind of attention in a layer shares: its two linear maps, and the rotation between them.
struct AttentionMaps: Sendable {
    let shape: AttentionShape
    /// Queries, keys and values of the norm's output: [D, (H + 2 G) d].
    let input: Linear
    /// From the heads' outputs to the residual stream: [H d, D].
    let output: Linear
    /// Turns queries and keys by their positions; nil where positions are learnt.
    let rotary: RotaryTable?

    /// Columns of queries and keys, which are rotated.
    var rotatedColumns: Range<Int> { 0..<shape.keys.upperBound }
    /// Heads of queries and of keys.
    var rotatedHeads: Int { shape.heads + shape.keyValueHeads }

    /// Queries, keys and values of x, [M, D], side by side as attention reads them: [M, (H + 2 G) d].
    func project(_ x: Matrix, into qkv: Buffer<Float>, _ pass: AttentionPass) {
        input.forward(x, into: rows(qkv, of: x, input.weight.columns), dropping: pass.adapterDropout, on: pass.team)
        rotary?.rotate(qkv, heads: rotatedHeads, rowStride: shape.columns, batch: pass.batch, on: pass.team)
    }

    /// dx = ∂L/∂x given dqkv, which is turned back in place; the map's gradients are added to.
    func projectBackward(_ dqkv: Buffer<Float>, x: Matrix, dx: Matrix, _ pass: AttentionPass) {
        rotary?.rotate(
            dqkv, heads: rotatedHeads, rowStride: shape.columns, batch: pass.batch, inverse: true, on: pass.team)
        input.backward(
            dy: rows(dqkv, of: x, input.weight.columns), x: x, dx: dx, dropping: pass.adapterDropout, on: pass.team)
    }

    /// branch = what the heads gave, [M, H d], on the residual stream, [M, D], without the map's bias.
    func join(_ attended: Buffer<Float>, into branch: Matrix, _ pass: AttentionPass) {
        output.product(
            rows(attended, of: branch, shape.width), into: branch, dropping: pass.adapterDropout, on: pass.team)
    }

    /// dattended = ∂L/∂attended given dbranch; the map's gradients are added to.
    func joinBackward(_ dbranch: Matrix, attended: Buffer<Float>, into dattended: Buffer<Float>, _ pass: AttentionPass) {
        output.backward(
            dy: dbranch, x: rows(attended, of: dbranch, shape.width), dx: rows(dattended, of: dbranch, shape.width),
            dropping: pass.adapterDropout, on: pass.team)
    }

    /// The maps with what adapters add in their weights: what bases are folded into.
    func merged(on team: Team) -> AttentionMaps {
        AttentionMaps(shape: shape, input: input.merged(on: team), output: output.merged(on: team), rotary: rotary)
    }

    /// The maps with somewhere for the gradients of merged weights to go.
    var collectingGradients: AttentionMaps {
        AttentionMaps(
            shape: shape, input: input.collectingGradients, output: output.collectingGradients, rotary: rotary)
    }

    /// `project` of single rows; x: [rows, D], qkv: [rows, (H + 2 G) d].
    func project(_ x: Matrix, into qkv: Buffer<Float>, at places: [CachePlace], on team: Team) {
        input.forward(x, into: rows(qkv, of: x, input.weight.columns), on: team)
        rotate(qkv, rowStride: shape.columns, at: places)
    }

    /// Turns the queries and keys that each row of x begins with by the row's position, where positions rotate.
    func rotate(_ x: Buffer<Float>, rowStride: Int, at places: [CachePlace]) {
        guard let rotary else { return }
        for (i, place) in places.enumerated() {
            rotary.rotate(
                x[(i * rowStride)..<((i + 1) * rowStride)], heads: rotatedHeads, rowStride: rowStride, rows: 1,
                from: place.position, step: 0)
        }
    }

    /// FLOPs of both maps on `rows` rows, forward.
    func flops(rows: Int) -> Int { input.flops(rows: rows) + output.flops(rows: rows) }

    private func rows(_ buffer: Buffer<Float>, of x: Matrix, _ columns: Int) -> Matrix {
        Matrix(buffer, rows: x.rows, columns: columns)
    }
}
