import CKernels
import Kernels

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
