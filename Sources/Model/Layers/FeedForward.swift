import CKernels
import Kernels

// M rows of width D, F the hidden width, C = F columns of the first map, or 2 F where it is gated.

/// What a feed-forward does between its two maps.
public enum Activation: Equatable, Sendable {
    /// tanh-GELU of the F hidden elements.
    case gelu
    /// SiLU of F gates times F elements, side by side (SwiGLU).
    case swiGLU

    /// C for a hidden width F.
    func columns(_ width: Int) -> Int { self == .swiGLU ? 2 * width : width }
}

/// A layer's feed-forward, from the norm's output to the residual branch, without the last bias.
struct FeedForward: Sendable {
    /// [D, C].
    let input: Linear
    /// [F, D].
    let output: Linear
    let activation: Activation

    /// F.
    var width: Int { output.weight.rows }
    private var columns: Int { input.weight.columns }

    /// branch = activation(x W + b) V; hidden: [M, C] is kept for the backward pass, activated: [M, F] is scratch.
    func forward(
        _ x: Matrix, hidden: Buffer<Float>, activated: Buffer<Float>, into branch: Matrix, dropping: AdapterDropout?,
        on team: Team
    ) {
        let M = x.rows
        input.product(x, into: Matrix(hidden, rows: M, columns: columns), dropping: dropping, on: team)
        switch activation {
        case .gelu:
            guard let bias = input.bias else { preconditionFailure("GPT-2's feed-forward has a bias") }
            geluForward(hidden, bias: bias, into: activated, rows: M, on: team)
        case .swiGLU: swiGLUForward(hidden, bias: input.bias, into: activated, width: width, rows: M, on: team)
        }
        output.product(Matrix(activated, rows: M, columns: width), into: branch, dropping: dropping, on: team)
    }

    /// What of the backward pass needs no x: the gradient of `hidden`, [M, C], and the last map's gradients, given
    /// dbranch: [M, D]; activated: [M, F] is scratch.
    func hiddenGradient(
        _ dbranch: Matrix, hidden: Buffer<Float>, activated: Buffer<Float>, into dhidden: Buffer<Float>,
        dropping: AdapterDropout?, on team: Team
    ) {
        let M = dbranch.rows, y = Matrix(activated, rows: M, columns: width)
        switch activation {
        case .gelu:
            output.inputGradient(
                dbranch, into: Matrix(dhidden, rows: M, columns: width), dropping: dropping, on: team)
            geluBackward(h: hidden, y: activated, dy: dhidden, count: M * width, on: team)
        case .swiGLU:
            // The gradient of the activation's output gives way to that output.
            output.inputGradient(dbranch, into: y, dropping: dropping, on: team)
            swiGLUBackward(hidden, dy: activated, into: dhidden, width: width, rows: M, on: team)
        }
        output.backward(dy: dbranch, x: y, dx: nil, dropping: dropping, on: team)
    }

    /// The rest: dx = ∂L/∂x and the first map's gradients, given that of `hidden`.
    func backward(dhidden: Buffer<Float>, x: Matrix, dx: Matrix, dropping: AdapterDropout?, on team: Team) {
        input.backward(
            dy: Matrix(dhidden, rows: x.rows, columns: columns), x: x, dx: dx, dropping: dropping, on: team)
    }
}

/// h += bias, y = gelu(h), tanh form (Hendrycks & Gimpel 2016); h, y: [M, F].
public func geluForward(_ h: Buffer<Float>, bias: Buffer<Float>, into y: Buffer<Float>, rows: Int, on team: Team) {
    let columns = bias.count
    precondition(h.count >= rows * columns && y.count >= rows * columns)
    team.split(rows, of: columns) { r in
        let first = r.lowerBound * columns
        drrl_gelu_forward(y.pointer + first, h.pointer + first, bias.pointer, r.count, columns)
    }
}

/// y = gelu(h) again, for the weight gradient, and dy ← dy · gelu′(h).
public func geluBackward(h: Buffer<Float>, y: Buffer<Float>, dy: Buffer<Float>, count: Int, on team: Team) {
    precondition(h.count >= count && y.count >= count && dy.count >= count)
    team.split(count, grain: 1024) { r in
        let first = r.lowerBound
        drrl_gelu_backward(y.pointer + first, dy.pointer + first, h.pointer + first, r.count)
    }
}

/// hidden += bias, y = silu(gate) · up, silu(g) = g / (1 + e⁻ᵍ) (Shazeer 2020).
///
/// - Parameters:
///   - hidden: [M, 2 F]; the gate is in the first F columns of a row, `up` in the last F.
///   - bias: [2 F], or none.
///   - y: [M, F], written.
///   - width: F.
public func swiGLUForward(
    _ hidden: Buffer<Float>, bias: Buffer<Float>?, into y: Buffer<Float>, width: Int, rows: Int, on team: Team
) {
    precondition(hidden.count >= rows * 2 * width && y.count >= rows * width && bias.map { $0.count == 2 * width } ?? true)
    team.split(rows, of: 2 * width) { r in
        let first = r.lowerBound
        drrl_swiglu_forward(
            y.pointer + first * width, hidden.pointer + first * 2 * width, bias?.pointer, r.count, width)
    }
}

/// dhidden = ∂L/∂hidden given dy = ∂L/∂y, and, in place of dy, y again, for the weight gradient of the map that follows.
///
/// - Parameters:
///   - hidden: [M, 2 F], as the forward pass left it.
///   - dy: [M, F].
///   - dhidden: [M, 2 F], written; may be `hidden` itself.
///   - width: F.
public func swiGLUBackward(
    _ hidden: Buffer<Float>, dy: Buffer<Float>, into dhidden: Buffer<Float>, width: Int, rows: Int, on team: Team
) {
    precondition(hidden.count >= rows * 2 * width && dhidden.count >= rows * 2 * width && dy.count >= rows * width)
    team.split(rows, of: 2 * width) { r in
        let first = r.lowerBound
        drrl_swiglu_backward(
            dhidden.pointer + first * 2 * width, dy.pointer + first * width, hidden.pointer + first * 2 * width, r.count,
            width)
    }
}
