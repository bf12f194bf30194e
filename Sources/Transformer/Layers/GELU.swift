import CKernels
import Kernels

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
